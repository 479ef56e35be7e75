"""Features of images, in which distances between sets of images are computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_simgan.networks import FeatureNetwork
from keras_simgan.networks.checksum import weights_checksum
from keras_simgan.ranges import check_unit


class FeatureExtractor:
    """Turns images of any size, gray or in colour, into features by a frozen model.

    What the model needs is done to the images batch by batch: gray becomes three equal channels for
    a model of three, and images of another size are resized (bilinear, antialiased, without keeping
    the aspect ratio) for a model of fixed size. Feature maps are averaged over their positions.

    Args:
        model: A functional or sequential `keras.Model` with one input, images in [-1, 1] of shape
            `(batch, height, width, 1 or 3)`, and one output, features `(batch, d)` or feature maps
            `(batch, height, width, d)`.
        name: What reports call it; the model's name where nothing is said.
        distance_prefix: What reports put before the name of a distance on these features, so that
            nobody takes it for another network's; `name` and a space where nothing is said.

    Raises:
        TypeError: No `keras.Model`.
        ValueError: A model of other inputs or outputs.

    Call with images, a float array `(n, height, width, 1 or 3)` in [-1, 1], and the batch size. It
    returns features, a float32 array `(n, d)`.

    Example:
        >>> extractor = feature_extractor("small")
        >>> extractor(np.zeros((5, 36, 60, 1), "float32")).shape
        (5, 192)
    """

    def __init__(
        self, model: keras.Model, name: str | None = None, distance_prefix: str | None = None
    ):
        if not isinstance(model, keras.Model):
            raise TypeError(f"A feature extractor needs a `keras.Model`; got {model!r}.")
        self.name = name or model.name
        self.distance_prefix = f"{self.name} " if distance_prefix is None else distance_prefix
        self._model = model
        *self._size, channels = _shape(model, "input", (4,))
        outputs = _shape(model, "output", (2, 4))
        if channels is None or channels not in (1, 3):
            raise ValueError(
                f"The model {model.name!r} takes images of {channels} channels; a feature "
                "extractor needs 1 or 3."
            )
        self._channels = channels
        about = f"{self._size}{self._channels}{outputs[-1]}"
        self._checksum = weights_checksum(model, about)

    @property
    def checksum(self) -> str:
        """SHA-256 of the model's weights and input and output shape, as they were at first."""
        return self._checksum

    def __call__(self, images: Any, batch_size: int = 64) -> np.ndarray:
        """The features, float32 `(n, d)`.

        Args:
            images: Float array `(n, height, width, 1 or 3)` in [-1, 1].
            batch_size: How many to hold in the model at once.

        Raises:
            ValueError: Images of another shape, type or range, or features that are not finite.
        """
        images = _checked(images, self._channels, self.name)
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"`batch_size` must be an integer from 1; got {batch_size!r}.")
        batches = []
        for start in range(0, len(images), batch_size):
            batch = self._prepare(images[start : start + batch_size], start)
            count = len(batch)
            if start and count < batch_size:
                # Another batch size would be compiled for anew.
                batch = np.concatenate([batch, np.repeat(batch[:1], batch_size - count, axis=0)])
            features = np.asarray(self._model.predict_on_batch(batch)[:count], "float32")
            batches.append(features.mean(axis=(1, 2)) if features.ndim == 4 else features)
        features = np.concatenate(batches)
        if not np.isfinite(features).all():
            raise ValueError(
                f"The features of {self.name!r} are not all finite: its weights are damaged, or it "
                "computes in a precision that does not hold them."
            )
        return features

    def _prepare(self, batch: np.ndarray, start: int) -> np.ndarray:
        batch = np.asarray(batch, "float32")
        check_unit(f"images[{start}:{start + len(batch)}]", batch)
        if batch.shape[-1] < self._channels:
            batch = np.repeat(batch, self._channels, axis=-1)
        received = batch.shape[1:3]
        size = tuple(fixed or actual for fixed, actual in zip(self._size, received, strict=True))
        if size != received:
            batch = ops.convert_to_numpy(
                ops.image.resize(batch, size, interpolation="bilinear", antialias=True)
            )
        return batch


def feature_extractor(
    extractor: str | keras.Model | FeatureExtractor = "small",
) -> FeatureExtractor:
    """What turns images into the features that distances are computed on.

    Args:
        extractor: One of:

            - `"small"`: the bundled `networks.FeatureNetwork`, 192 features, trained on images
              drawn from numbers. It needs no download.
            - `"inception_v3"`: Keras' InceptionV3 of ImageNet, 2,048 features of images resized to
              299x299, weights downloaded once. It is not the network of published FIDs (Heusel et
              al. 2017): numbers on it are called KFID and KKID, and are not comparable with those.
            - A name given to `register_extractor`.
            - A `keras.Model` as `FeatureExtractor` takes it, or a `FeatureExtractor`.

    Raises:
        ValueError: An unknown name, or a model of other inputs or outputs.
        RuntimeError: Weights that cannot be downloaded.

    Example:
        >>> extractor = feature_extractor()
        >>> extractor.name, extractor.distance_prefix + "KID"
        ('small', 'small KID')
    """
    if isinstance(extractor, FeatureExtractor):
        return extractor
    if not isinstance(extractor, str):
        return FeatureExtractor(extractor)
    if extractor not in _BUILDERS:
        raise ValueError(
            f"There is no feature extractor {extractor!r}. Valid are: "
            f"{', '.join(map(repr, _BUILDERS))}, or a `keras.Model`; `register_extractor` adds one."
        )
    # Features must not depend on the precision that somebody trains in.
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        built = _BUILDERS[extractor]()
    finally:
        keras.config.set_dtype_policy(policy)
    return built if isinstance(built, FeatureExtractor) else FeatureExtractor(built, extractor)


def register_extractor(name: str, build: Callable[[], keras.Model | FeatureExtractor]) -> None:
    """Makes a feature extractor known to `feature_extractor` by name.

    Args:
        name: The name. One that was registered before is replaced.
        build: Returns the model, or the `FeatureExtractor`; called at each use, under float32.

    Raises:
        ValueError: The name of a built-in extractor, or what cannot be called.

    Example:
        >>> from keras_simgan.networks import FeatureNetwork
        >>> register_extractor("untrained", lambda: FeatureNetwork((None, None, 3)))
        >>> feature_extractor("untrained").name
        'untrained'
    """
    if name in _BUILT_IN:
        raise ValueError(f"{name!r} is a built-in feature extractor; choose another name.")
    if not isinstance(name, str) or not name or not callable(build):
        raise ValueError(
            "`name` must be a string and `build` a function without arguments; got "
            f"{name!r} and {build!r}."
        )
    _BUILDERS[name] = build


def _small() -> FeatureExtractor:
    return FeatureExtractor(FeatureNetwork.from_preset("features_small"), "small")


def _inception_v3() -> FeatureExtractor:
    try:
        model = keras.applications.InceptionV3(
            include_top=False, pooling="avg", input_shape=(299, 299, 3)
        )
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise RuntimeError(
            f"The weights of InceptionV3 could not be loaded: {error}. Keras downloads them once, "
            "into ~/.keras/models (KERAS_HOME/models). Without a network use "
            '`feature_extractor("small")`, or put '
            "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5 there."
        ) from error
    return FeatureExtractor(model, "inception_v3", distance_prefix="K")


_BUILT_IN = {"small": _small, "inception_v3": _inception_v3}
_BUILDERS: dict[str, Callable] = dict(_BUILT_IN)


def _shape(model: keras.Model, end: str, dimensions: tuple[int, ...]) -> tuple[int | None, ...]:
    """The shape of the model's only input or output, without the batch."""
    shape = getattr(model, f"{end}_shape", None)
    # Several inputs or outputs have a list, tuple or dictionary of shapes.
    if (
        not isinstance(shape, tuple)
        or any(isinstance(size, tuple) for size in shape)
        or len(shape) not in dimensions
    ):
        expected = " or ".join(f"{count}-d" for count in dimensions)
        raise ValueError(
            f"The model {model.name!r} has the {end} shape {shape}; a feature extractor needs one "
            f"{expected} {end}. `keras.Model(inputs, outputs)` makes such a model of a part of "
            "another one, or of one that was never given an input."
        )
    return shape[1:]


def _checked(images, channels: int, name: str) -> np.ndarray:
    """The images as an array, not copied, so that a memory map stays on disk."""
    images = images if isinstance(images, np.ndarray) else ops.convert_to_numpy(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise ValueError(
            "`images` must be an array (n, height, width, 1 or 3), none of them 0; got shape "
            f"{images.shape}."
        )
    if not np.issubdtype(images.dtype, np.floating) and images.dtype.name != "bfloat16":
        raise ValueError(
            f"`images` must be floats in [-1, 1]; got {images.dtype}. `data.to_unit` converts "
            "pixels."
        )
    if images.shape[-1] > channels:
        raise ValueError(
            f"The feature extractor {name!r} takes gray images; these have {images.shape[-1]} "
            "channels."
        )
    return images
