"""Makes `docs/images/losses.png`: each adversarial loss and its gradient over the logit.

Above what is lost, below its derivative, both computed by the losses themselves; left for the
discriminator on real and on fake images, right for the generator on its fakes.

    python docs/make_loss_plots.py
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from keras import ops

from keras_simgan.backend import input_gradient
from keras_simgan.losses import LeastSquaresLoss, adversarial_loss

IMAGES = Path(__file__).parent / "images"
LOGITS = np.linspace(-4, 4, 401, dtype="float32")

LOSSES = {
    "minimax": (adversarial_loss("minimax"), "tab:red"),
    "non-saturating, SimGAN's local": (adversarial_loss("non_saturating"), "tab:blue"),
    "least squares, c = 1": (adversarial_loss("least_squares"), "tab:green"),
    "least squares, c = 0.9 (GazeGAN)": (LeastSquaresLoss(generator_label=0.9), "black"),
    "hinge": (adversarial_loss("hinge"), "tab:orange"),
    "Wasserstein": (adversarial_loss("wasserstein"), "tab:purple"),
}
#: Losses whose discriminator's part is another's, and whose curve would hide that one.
SAME_DISCRIMINATOR = {"minimax", "least squares, c = 0.9 (GazeGAN)"}
#: In the generator's panels hinge is the Wasserstein loss.
SAME_GENERATOR = {"hinge"}


def curve(function) -> tuple[np.ndarray, np.ndarray]:
    """The values of an elementwise loss over the logits, and its derivative."""
    logits = ops.array(LOGITS)
    values, slopes = function(logits), input_gradient(function, logits, [])
    return tuple(ops.convert_to_numpy(ops.stop_gradient(x)) for x in (values, slopes))


def draw(axes, name: str, function, color: str, style: str) -> None:
    """A curve in the upper panel, its derivative in the lower one."""
    for panel, values in zip(axes, curve(function), strict=True):
        panel.plot(LOGITS, values, color=color, linestyle=style, linewidth=1.6, label=name)


def main() -> None:
    """Writes the picture."""
    figure, axes = plt.subplots(2, 3, figsize=(12, 7), sharex=True, sharey="row")
    for name, (loss, color) in LOSSES.items():
        style = "--" if name in SAME_DISCRIMINATOR | {"Wasserstein"} else "-"
        if name not in SAME_DISCRIMINATOR:
            draw(axes[:, 0], name, loss.real, color, style)
            draw(axes[:, 1], name, loss.fake, color, style)
        if name not in SAME_GENERATOR:
            draw(axes[:, 2], name, loss.fool, color, style)
    # Where smoothing the label moves the fixed point, enlarged.
    inset = axes[1, 2].inset_axes((0.58, 0.09, 0.39, 0.22), xlim=(0.7, 1.2), ylim=(-0.3, 0.3))
    for line in axes[1, 2].get_lines():
        inset.plot(*line.get_data(), color=line.get_color(), linestyle=line.get_linestyle())
    inset.axhline(0, color="gray", linewidth=0.6)
    inset.set(xticks=(0.9, 1.0), yticks=())
    inset.tick_params(labelsize=8)
    inset.grid(alpha=0.4)
    titles = ("discriminator, real image", "discriminator, fake image", "generator, its fake image")
    for column, title in enumerate(titles):
        axes[0, column].set_title(title)
        axes[1, column].set_xlabel("the discriminator's output l (high: real)")
        for panel in axes[:, column]:
            panel.axhline(0, color="gray", linewidth=0.6)
            panel.axvline(0, color="gray", linewidth=0.6)
            panel.grid(alpha=0.25)
    axes[0, 0].set_ylabel("loss")
    axes[1, 0].set_ylabel("derivative by l")
    axes[0, 0].set(xlim=(-4, 4), ylim=(-4, 6))
    axes[1, 0].set_ylim(-4, 4)
    handles, labels = axes[0, 2].get_legend_handles_labels()
    hinge, hinge_label = axes[0, 0].get_legend_handles_labels()
    position = hinge_label.index("hinge")
    figure.legend(
        [*handles, hinge[position]],
        [*labels, "hinge (its generator: Wasserstein's)"],
        loc="lower center",
        ncols=3,
        frameon=False,
    )
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(IMAGES / "losses.png", dpi=110)


if __name__ == "__main__":
    main()
