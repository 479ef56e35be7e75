"""GazeGAN: a CycleGAN whose translation keeps the gaze."""

from __future__ import annotations

from typing import Any

import keras

from keras_simgan.losses import AdversarialLoss, LabelConsistency, LeastSquaresLoss
from keras_simgan.models.cyclegan import CycleGAN


@keras.saving.register_keras_serializable(package="keras_simgan")
class GazeGAN(CycleGAN):
    r"""A CycleGAN of eyes whose cycle loss has two parts: pixels and gaze.

    Sela et al. 2017, "GazeGAN: Unpaired Adversarial Image Generation for Gaze Estimation". Beside
    the losses of `CycleGAN`, with a frozen gaze estimator `E` trained on source images:

        gaze_weight mean (E(F(G(x))) - E(x))^2        gaze_on="cycled"
        gaze_weight mean (E(G(x)) - E(x))^2           gaze_on="translated"

    and the least-squares loss has smoothed labels, in both directions: the discriminators aim at 1
    on real images and at 0 on fakes, the generators at 0.9. There is no identity loss unless asked
    for.

    How sure this is: two refiners, two discriminators, least squares with 0.9 for the generators,
    the cycle loss in two parts and 128x128 colour images are documented. That the gaze is compared
    after the whole cycle is what a survey says (Nikolenko); the paper's code is not public, and its
    weights, networks and schedule are not known to us. Comparing in the translated image is what
    FP-GAN does, a published successor with code: it constrains the very images one goes on to train
    with, and is the default here, with FP-GAN's weight of 25. Under `"cycled"` the generators may
    agree to shift the gaze there and back. Look at the logs: a `gaze_consistency` far below the
    other losses has no say, and one far above them at the start may saturate the generators for
    good, which `callbacks.TranslationMonitor` tells. In our measurement (README, "Colour eyes"), in
    networks without normalization, a weight of 100 brought the gaze's drift to 62 % of plain
    CycleGAN's after 2,000 steps and to 40 % after 4,000, and 500 was too much; with instance
    normalization 25 brought it to 92 % and 500 to 52 %.

    Args:
        generator: Translates source images, such as `networks.ResNetGenerator`.
        inverse_generator: Translates target images.
        target_discriminator: Such as `networks.PatchDiscriminator`.
        source_discriminator: The same for source images.
        gaze_estimator: Reads gaze from an image of the source's shape; any number of outputs, such
            as unit vectors (`networks.GazeEstimator`) or angles in radians. It is frozen. With
            `gaze_on="translated"` train it with strong augmentation, for it will read images whose
            looks it has not seen.
        gaze_weight: Weight of the gaze part. With unit vectors a difference of 10 degrees makes
            `0.01 * gaze_weight`.
        gaze_on: `"translated"` or `"cycled"`.
        cycle_weight: Weight of the pixel part; or a pair, of the source's cycle and the target's.
        identity_weight: Weight of the identity loss, as a part of `cycle_weight`.
        generator_label: What the generators aim at.
        pool_size: Images in each pool; 0 for none.
        seed: Seed of the draws from the pools.
        adversarial_loss: A name or a `losses.AdversarialLoss`, in place of least squares with
            `generator_label`.
        **kwargs: Arguments of `CycleGAN` and `GAN`, such as `cycle_distance` and `name`.

    Example:
        >>> import numpy as np
        >>> from keras_simgan import models, networks
        >>> shape = (32, 32, 3)
        >>> model = models.GazeGAN(
        ...     networks.ResNetGenerator(shape, filters=8, blocks=1),
        ...     networks.ResNetGenerator(shape, filters=8, blocks=1),
        ...     networks.PatchDiscriminator(shape, filters=8, layers=2),
        ...     networks.PatchDiscriminator(shape, filters=8, layers=2),
        ...     networks.GazeEstimator(shape, filters=(4, 4, 4, 4, 4), dense_units=8),
        ... )
        >>> model.compile()
        >>> renders, photos = np.random.uniform(-1, 1, (2, 4, *shape)).astype("float32")
        >>> history = model.fit(renders, photos, batch_size=2, verbose=0)
        >>> model.predict(renders, verbose=0).shape
        (4, 32, 32, 3)
    """

    _label_argument = "gaze_on"
    _label_loss = "gaze_consistency"
    _label_model = "gaze_estimator"

    def __init__(
        self,
        generator: keras.Model,
        inverse_generator: keras.Model,
        target_discriminator: keras.Model,
        source_discriminator: keras.Model,
        gaze_estimator: keras.Model,
        gaze_weight: float = 25.0,
        gaze_on: str = "translated",
        cycle_weight: float | tuple[float, float] = 10.0,
        identity_weight: float = 0.0,
        generator_label: float = 0.9,
        pool_size: int = 50,
        seed: int = 0,
        adversarial_loss: str | AdversarialLoss | None = None,
        **kwargs: Any,
    ):
        if not isinstance(gaze_estimator, keras.Model) or not gaze_estimator.built:
            raise ValueError(
                f"`gaze_estimator` must be a built `keras.Model`. Received: {gaze_estimator!r}."
            )
        if not gaze_weight >= 0:
            raise ValueError(f"`gaze_weight` must not be below 0; got {gaze_weight!r}.")
        super().__init__(
            generator,
            inverse_generator,
            target_discriminator,
            source_discriminator,
            cycle_weight=cycle_weight,
            identity_weight=identity_weight,
            adversarial_loss=adversarial_loss or LeastSquaresLoss(generator_label=generator_label),
            label_consistency=LabelConsistency(gaze_estimator, "l2", gaze_weight),
            label_consistency_on=gaze_on,
            pool_size=pool_size,
            seed=seed,
            **kwargs,
        )
        self.gaze_weight = gaze_weight
        self.gaze_on = gaze_on
        self.generator_label = generator_label
