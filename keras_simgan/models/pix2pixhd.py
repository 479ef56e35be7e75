"""pix2pixHD: photos from label maps, coarse to fine."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_simgan.losses import AdversarialLoss, PerceptualLoss, feature_matching
from keras_simgan.models.gan import GAN


@keras.saving.register_keras_serializable(package="keras_simgan")
class Pix2PixHD(GAN):
    r"""Learns from pairs what photos of label maps look like, at several scales.

    Wang et al. 2018, "High-Resolution Image Synthesis and Semantic Manipulation with Conditional
    GANs". With label maps `x`, their photos `y`, generator `G` and discriminator `D` of several
    scales, summed over scales:

        generator turn:
            mean (D(x, G(x)) - 1)^2 + feature_matching_weight FM(D(x, y), D(x, G(x)))
            + perceptual_loss(y, G(x))
        discriminator turn:
            1/2 mean (D(x, y) - 1)^2 + 1/2 mean D(x, G(x))^2

    with FM as `losses.feature_matching` has it. Adam at 2e-4 with beta_1 = 0.5 is the default of
    `compile`; the paper trains 100 epochs at it and 100 more to zero, which is
    `schedules.LinearDecay`.

    **Stages.** Where the generator is a `networks.LocalEnhancer`, a training is three of `fit`:
    its global generator by itself, on images of half the size; then the enhancer around it, the
    global generator frozen; then both. `start_stage` goes from one to the next: weights, the count
    of steps and seeds stay, and the optimizers are new, so that `compile` comes before each `fit`.
    In every stage the model, its files, presets and exports are what has been trained up to there.

    **Styles.** A label map leaves open what its objects look like. An `encoder` says so of each
    instance in the real photo, in a few more channels that the generator is given and the
    discriminator is not. It trains in the generator turn, in each stage. Where there is no photo,
    `evaluation.InstanceStyles` draws these channels.

    Args:
        generator: Makes photos of label maps, such as `networks.LocalEnhancer`, or
            `networks.ResNetGenerator` with `downsamplings=4`, which has no stages.
        discriminator: Such as `networks.MultiScaleDiscriminator`, of the label map's channels and
            the photo's together.
        encoder: Such as `networks.InstanceEncoder`: takes `{"image": photo, "instances": ids}`,
            gives further channels to the generator.
        feature_matching_weight: Weight of the feature matching; with 0 there is none, and any
            discriminator will do.
        perceptual_loss: A `losses.PerceptualLoss`, between photo and fake, with its own weight; its
            extractor is a frozen network of the model.
        adversarial_loss: A name or a `losses.AdversarialLoss`; the paper's least squares when left
            out.
        **kwargs: Arguments of `GAN`: `penalties`, `turns`, `name`...

    The source is a label map, floats, one channel a class and any other, such as instances' edges,
    shape `(batch, height, width, channels)`; with an encoder `{"labels": that, "instances": ids}`,
    the ids int32 of shape `(batch, height, width, 1)`. The target is photos in [-1, 1]. `predict`
    and `translate` take what the generator takes: one tensor, label map and then styles, if any.

    Raises:
        ValueError: Networks that do not fit each other, a negative weight, or `augment`, which
            would change fake and photo in different ways before their features are compared.

    Example:
        >>> import numpy as np
        >>> from keras_simgan import models, networks
        >>> coarse = networks.ResNetGenerator(
        ...     (None, None, 4), filters=4, blocks=1, output_channels=3, downsamplings=1
        ... )
        >>> model = models.Pix2PixHD(
        ...     networks.LocalEnhancer(coarse, blocks=1),
        ...     networks.MultiScaleDiscriminator((None, None, 7), filters=2, layers=1),
        ... )
        >>> labels = np.eye(4, dtype="float32")[np.random.randint(0, 4, (4, 16, 32))]
        >>> photos = np.random.uniform(-1, 1, (4, 16, 32, 3)).astype("float32")
        >>> for stage in ("global", "enhancer", "both"):
        ...     model.start_stage(stage)
        ...     model.compile()
        ...     every = 2 if stage == "global" else 1  # half the size
        ...     x, y = labels[:, ::every, ::every], photos[:, ::every, ::every]
        ...     history = model.fit(x, y, batch_size=2, epochs=1, verbose=0)
        >>> int(model.step), model.translate(labels).shape
        (6, (4, 16, 32, 3))
    """

    directions = {"source_to_target": "generator"}

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        encoder: keras.Model | None = None,
        feature_matching_weight: float = 10.0,
        perceptual_loss: PerceptualLoss | None = None,
        adversarial_loss: str | AdversarialLoss = "least_squares",
        **kwargs: Any,
    ):
        if not feature_matching_weight >= 0:
            raise ValueError(
                f"`feature_matching_weight` must not be below 0; got {feature_matching_weight!r}."
            )
        if perceptual_loss is not None and not isinstance(perceptual_loss, PerceptualLoss):
            raise ValueError(
                "`perceptual_loss` must be a `losses.PerceptualLoss`, such as "
                "`PerceptualLoss(vgg19_extractor())`. Received: " + repr(perceptual_loss) + "."
            )
        if kwargs.get("augment") is not None:
            raise ValueError(
                "A Pix2PixHD takes no `augment`: a photo and its fake, whose features are "
                "compared, would be changed in different ways. Augment the pairs instead."
            )
        super().__init__(
            {"generator": generator, **({"encoder": encoder} if encoder is not None else {})},
            {"discriminator": discriminator},
            {"perceptual_extractor": perceptual_loss.extractor} if perceptual_loss else {},
            adversarial_loss=adversarial_loss,
            **kwargs,
        )
        styles = 0 if encoder is None else encoder.output_shape[-1]
        labels, image = generator.input_shape[-1] - styles, generator.output_shape[-1]
        if labels < 1 or discriminator.input_shape[-1] != labels + image:
            raise ValueError(
                f"`generator` takes {generator.input_shape[-1]} channels, of which the encoder "
                f"gives {styles}, so label maps have {labels}; with the photo's {image}, "
                f"`discriminator` must take {labels + image}; it takes "
                f"{discriminator.input_shape[-1]}."
            )
        if encoder is None:
            self.encoder = None
        self.feature_matching_weight = float(feature_matching_weight)
        self.perceptual_loss = perceptual_loss

    def start_stage(self, stage: str) -> None:
        """Goes on to another stage of the generator; call `compile` before the next `fit`.

        What has been learnt, the count of steps and seeds stay. The optimizers are dropped, and
        with them moving averages of the weights.

        Args:
            stage: `"global"`, `"enhancer"` or `"both"`, see `networks.LocalEnhancer`.

        Raises:
            ValueError: Another stage, or a generator without stages.
        """
        if not hasattr(self.generator, "stage"):
            raise ValueError(
                f"`start_stage` needs a generator with stages, such as `networks.LocalEnhancer`; "
                f"this one is a {type(self.generator).__name__}, which trains as a whole."
            )
        self.generator.stage = stage
        self.compiled = False
        self.optimizer = None
        if hasattr(self, "_turn_optimizers"):
            del self._turn_optimizers
        self.train_function = self.test_function = self.predict_function = None

    def generate(self, batch: tuple, training: bool = True) -> Any:
        """G(x), or G of label map and styles."""
        source, target = batch
        inputs = _labels(source)
        if self.encoder is not None:
            if not (isinstance(source, dict) and "instances" in source):
                raise ValueError(
                    "With an encoder the source must be a dictionary of `labels`, a label map, and "
                    "`instances`, ids of shape (batch, height, width, 1). Received: "
                    f"{sorted(source) if isinstance(source, dict) else 'a tensor'}."
                )
            seen = {"image": target, "instances": source["instances"]}
            styles = self.encoder(seen, training=training)
            inputs = ops.concatenate([inputs, ops.cast(styles, inputs.dtype)], axis=-1)
        return self.generator(inputs, training=training)

    def generator_losses(self, batch: tuple, fakes: Any, training: bool = True) -> dict:
        """The adversarial loss, feature matching and the perceptual loss."""
        source, target = batch
        condition = _labels(source)
        of_fakes = self.judge("discriminator", fakes, condition, training)
        named = {"adversarial": self.adversarial_loss.generator(of_fakes)}
        if self.feature_matching_weight:
            # Not in one batch with the fakes, for no gradient runs through it.
            of_real = self.judge("discriminator", target, condition, training)
            distance = feature_matching(of_real, of_fakes)
            named["feature_matching"] = self.feature_matching_weight * distance
        if self.perceptual_loss is not None:
            named["perceptual"] = ops.mean(self.perceptual_loss.call(target, fakes))
        return named

    def discriminator_losses(self, batch: tuple, fakes: Any, training: bool = True) -> dict:
        """Fakes told from photos, each beside its label map."""
        source, target = batch
        return self.discriminator_adversarial_losses(
            "discriminator", target, fakes, _labels(source), training
        )


def _labels(source: Any) -> Any:
    """The label map of a source."""
    return source["labels"] if isinstance(source, dict) else source
