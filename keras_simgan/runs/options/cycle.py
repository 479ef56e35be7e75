"""The options that trainings of CycleGAN and of models like it share."""

from dataclasses import dataclass

from keras_simgan.runs.options.decaying import DecayingOptions
from keras_simgan.runs.options.numbers import count, not_negative, positive
from keras_simgan.runs.options.option import option


@dataclass(frozen=True, kw_only=True)
class CycleOptions(DecayingOptions):
    """Two generators that undo each other."""

    blocks: int | None = option(
        None,
        "of the generators; default: 6 up to 128 pixels, 9 above",
        type=positive,
        metavar="N",
    )
    upsampling: str = option(
        "transpose",
        "in the generators; resize avoids checkerboard patterns",
        choices=("transpose", "resize"),
    )
    normalization: str = option(
        "instance",
        "in all networks; instance takes an image's own mean colour away, so that all get one "
        "palette, none lets it stay",
        choices=("instance", "none"),
    )
    discriminator_layers: int = option(
        3,
        "layers with stride 2; 3 see 70 pixels, 2 see 34, 1 sees 16",
        type=positive,
        metavar="N",
    )
    cycle_weight: float = option(
        10.0, "weight of the cycle losses, on means", type=not_negative, metavar="LAMBDA"
    )
    cycle_distance: str = option(
        "l1", "between an image and what comes back of it", choices=("l1", "l2")
    )
    identity_weight: float = option(
        0.5,
        "weight of the identity losses, as a part of --cycle-weight",
        type=not_negative,
        metavar="SHARE",
    )
    pool: int = option(
        50,
        "past images that each discriminator sees again, 0 for none",
        type=count,
        metavar="N",
    )
