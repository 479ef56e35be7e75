"""Numbers that tell early that a translation fails."""

import warnings

import keras
import numpy as np

from keras_simgan.callbacks._samples import check_fits
from keras_simgan.metrics.image_checks import checked_images

_LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R 601
_CONSTANT = 1e-6  # a smaller standard deviation of the luminance is rounding

_ADVICE = {
    "change": (
        "{direction} changes its images by {value:.3g} on average (they range from -1 to 1), less "
        "than `minimum_change` = {minimum:g}: it gives back its input. What helps: a lower weight "
        "of the self-regularization, or of the cycle and identity losses; more generator turns; a "
        "higher learning rate of the discriminator, where its losses do not fall; a longer "
        "training."
    ),
    "correlation": (
        "what {direction} makes correlates with its input by {value:.2f} in luminance, less than "
        "`minimum_correlation` = {minimum:g}: light and dark are swapped. Stop now, as more epochs "
        "seldom undo it. Start again with an identity loss (CycleGAN: `identity_weight=0.5`), "
        "with more self-regularization (SimGAN), or with another seed."
    ),
    "variety": (
        "{direction} makes nearly the same of all images: from one to another they differ by "
        "{value:.3g}, less than `minimum_variety` = {minimum:g}. The generator has collapsed, "
        "perhaps into a saturated tanh, and more epochs do not bring it back. Start again with a "
        "lower weight of the loss that was largest in the first epoch, such as a label "
        "consistency, with a lower learning rate, or with another seed."
    ),
}


class TranslationMonitor(keras.callbacks.Callback):
    r"""Warns early of outputs that equal the input, are inverted, or are one for all inputs.

    After each epoch the model `G` translates the same few images `x`. For each direction it has,
    three numbers go into the logs, `source_to_target_change`, `source_to_target_correlation` and
    `source_to_target_variety` (and `target_to_source_...`):

        change      = mean |G(x) - x|, over all values
        correlation = mean over images of the Pearson correlation of luminance(x), luminance(G(x))
                      over pixels; 0 for an image where either is constant
        variety     = mean over pixels and channels of the standard deviation of G(x) from image to
                      image; left out where there is one image

    A change near 0 is an output that equals the input; a correlation near -1 is inverted colours; a
    variety near 0 is one output for every input. The first two do not show in the losses: a cycle
    through two inversions loses nothing. Luminance is ITU-R 601's, 0.299 R + 0.587 G + 0.114 B.

    A failure is told by a `UserWarning` that says what to change, once for each failure and
    direction, and again only after a recovery; each `fit` starts anew. The numbers are logged at
    every epoch, but an epoch before `begin_epoch`, or one that began within the warm-ups of
    `SimGAN`, is not judged: a new generator makes noise, and the refiner's warm-up makes identity
    on purpose.

    Keras hands one dictionary of logs to the callbacks in the order of `callbacks=[...]`, then to
    the progress bar and the `History`. So this callback must stand before those that read its
    numbers, such as `CSVLogger`, `TensorBoard` or `EarlyStopping`; the `History` that `fit` returns
    has them anyway.

    Args:
        source: Images in [-1, 1], shape `(n, height, width, 1 or 3)`; 8 to 32 are enough.
        target: Images of the target domain, alike; needed to watch `target_to_source`, not used
            with models of one direction.
        minimum_change: Warn where the change is less, from 0, which never warns, to 2.
        minimum_correlation: Warn where the correlation is less; -1 never warns, for domains where
            light and dark do swap, such as drawings on white and photos by night.
        minimum_variety: Warn where the variety is less, from 0, which never warns.
        begin_epoch: The first epoch that is judged, from 0.

    Raises:
        ValueError: If the images do not have the shape and range above; or, before the first step
            of a training, if the model's images have another shape than the samples.
        TypeError: Before the first step, if the model has no direction `source_to_target`.

    Example:
        >>> images = np.random.uniform(-1, 1, (8, 36, 60, 1)).astype("float32")
        >>> callbacks = [TranslationMonitor(images), keras.callbacks.CSVLogger("log.csv")]
    """

    def __init__(
        self,
        source: np.ndarray,
        target: np.ndarray | None = None,
        minimum_change: float = 0.02,
        minimum_correlation: float = -0.2,
        minimum_variety: float = 0.01,
        begin_epoch: int = 1,
    ):
        super().__init__()
        self.source = checked_images("source", source, channels=(1, 3))
        self.target = None if target is None else checked_images("target", target, channels=(1, 3))
        self.minimum = {
            "change": minimum_change,
            "correlation": minimum_correlation,
            "variety": minimum_variety,
        }
        self.begin_epoch = begin_epoch
        self._warned: set[tuple[str, str]] = set()
        self._judges = False

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Translates the samples once, so that images that do not fit raise before any training.

        Args:
            logs: Not used.
        """
        if "source_to_target" not in getattr(self.model, "directions", ()):
            raise TypeError(
                "TranslationMonitor watches a GAN that translates source_to_target, such as "
                f"SimGAN. Received: {type(self.model).__name__}."
            )
        for direction, images in self._samples().items():
            check_fits(direction.split("_")[0], images, self.model, direction)
        self._warned.clear()
        self._measure()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Decides whether this epoch is judged.

        Args:
            epoch: The epoch, from 0.
            logs: Not used.
        """
        warmup = sum(
            getattr(self.model, name, 0) for name in ("refiner_warmup", "discriminator_warmup")
        )
        self._judges = epoch >= self.begin_epoch and int(self.model.step) >= warmup

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Measures, adds to the logs, and warns.

        Args:
            epoch: The epoch, from 0; messages count from 1.
            logs: Gets the numbers of each direction.
        """
        for direction, measured in self._measure().items():
            if logs is not None:
                logs.update({f"{direction}_{name}": value for name, value in measured.items()})
            if self._judges:
                for name, value in measured.items():
                    self._judge(epoch, direction, name, value)

    def _samples(self) -> dict[str, np.ndarray]:
        """The images to translate, of each direction that the model has."""
        samples = {"source_to_target": self.source}
        if self.target is not None and "target_to_source" in self.model.directions:
            samples["target_to_source"] = self.target
        return samples

    def _measure(self) -> dict[str, dict[str, float]]:
        """The numbers of each direction."""
        measured = {}
        for direction, images in self._samples().items():
            translated = np.asarray(self.model.translate(images, direction=direction))
            if translated.shape != images.shape:
                raise ValueError(
                    f"{type(self.model).__name__} translates {direction} images of the shape "
                    f"{images.shape} to {translated.shape}; TranslationMonitor compares images "
                    "pixel by pixel and needs one shape. Leave it out for this model."
                )
            images, translated = images.astype("float64"), translated.astype("float64")
            measured[direction] = {
                "change": float(np.mean(np.abs(translated - images))),
                "correlation": _luminance_correlation(images, translated),
            }
            if len(images) > 1:
                measured[direction]["variety"] = float(np.mean(np.std(translated, axis=0)))
        return measured

    def _judge(self, epoch: int, direction: str, name: str, value: float) -> None:
        minimum = self.minimum[name]
        if not value < minimum:
            self._warned.discard((direction, name))
        elif (direction, name) not in self._warned:
            self._warned.add((direction, name))
            advice = _ADVICE[name].format(direction=direction, value=value, minimum=minimum)
            warnings.warn(f"Epoch {epoch + 1}: {advice}", stacklevel=2)


def _luminance_correlation(images: np.ndarray, translated: np.ndarray) -> float:
    """The mean of the images' Pearson correlations, shape `(n, height, width, channels)` each."""
    x, y = (_centred_luminance(batch) for batch in (images, translated))
    spread_x, spread_y = (np.sqrt(np.mean(values**2, axis=1)) for values in (x, y))
    constant = (spread_x < _CONSTANT) | (spread_y < _CONSTANT)
    spread = np.where(constant, 1.0, spread_x * spread_y)
    return float(np.mean(np.where(constant, 0.0, np.mean(x * y, axis=1) / spread)))


def _centred_luminance(images: np.ndarray) -> np.ndarray:
    luminance = images[..., 0] if images.shape[-1] == 1 else images @ np.array(_LUMINANCE)
    luminance = luminance.reshape(len(luminance), -1)
    return luminance - luminance.mean(axis=1, keepdims=True)
