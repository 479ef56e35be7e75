"""The loss that compares what a discriminator sees in real and in fake images."""

from __future__ import annotations

from typing import Any

from keras import ops

from keras_simgan.losses.precision import at_least_float32, mean


def feature_matching(real: Any, fake: Any) -> Any:
    r"""Distance of a discriminator's features of real images to those of fakes.

        loss = 1/S sum over scales s of 4/L sum over layers i of mean |D_s,i(fake) - D_s,i(real)|

    Wang et al. 2018 (pix2pixHD), equation 5, with the weights of the authors' code: S scales, L
    layers at each, all but the last, which is the map of values (for their L = 4 layers plainly
    their sum). For pairs, whose fake should look like this very real image. The real side is what
    is aimed at: no gradient runs through it.

    Args:
        real: What the discriminator says of real images: a list of scales, each a list of its
            layers' features with the map last, as `networks.MultiScaleDiscriminator` gives them.
        fake: The same of the fakes.

    Returns:
        A scalar, in float32 or float64. The paper weighs it by 10.

    Raises:
        ValueError: Outputs without features, or two that differ in scales or layers.

    Example:
        >>> real = [[ops.ones((1, 4, 4, 2)), ops.zeros((1, 2, 2, 1))]]
        >>> fake = [[ops.zeros((1, 4, 4, 2)), ops.zeros((1, 2, 2, 1))]]
        >>> float(feature_matching(real, fake))
        4.0
    """
    counts = [_features(outputs) for outputs in (real, fake)]
    if counts[0] != counts[1] or not all(counts[0]):
        raise ValueError(
            "Feature matching compares lists of scales, each a list of features with the map last, "
            "one feature at least, such as `networks.MultiScaleDiscriminator` gives. Received: "
            f"{counts[0]} features at the scales of the real images, {counts[1]} of the fakes."
        )
    total = 0.0
    for of_real, of_fake in zip(real, fake, strict=True):
        for before, after in zip(of_real[:-1], of_fake[:-1], strict=True):
            before = ops.stop_gradient(at_least_float32(before))
            distance = mean(ops.abs(at_least_float32(after) - before))
            total += 4.0 / (len(of_real) - 1) / len(real) * distance
    return total


def _features(outputs: Any) -> list[int]:
    """How many features each scale has; [0] of another form."""
    if not isinstance(outputs, list | tuple) or not outputs:
        return [0]
    return [len(scale) - 1 if isinstance(scale, list | tuple) else 0 for scale in outputs]
