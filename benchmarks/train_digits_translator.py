"""Trains what makes MNIST digits look like MNIST-M or USPS, for `transfer_digits.py`.

A CycleGAN, or with `--model simgan` a SimGAN with a small refiner.

Source: 20,000 of MNIST's training digits. Target: the unlabelled training part of the target's
digits. With `--label-weight` a classifier, trained on augmented MNIST, must see the same digit in
the translated image: unpaired translation is known to turn digits into others. With `--noise` the
source's paper gets random smooth noise, with `--augment` the source digits are augmented as one
does without a GAN: a generator maps an image to one image, so without either every digit would get
one background, and the cycle could not keep what MNIST-M's backgrounds say. CycleGAN's instance
normalization takes an image's own colours and contrast out of generators and discriminators alike;
with `--generator refiner` neither has any.
What SimGAN's self-regularization keeps is `--psi`: pixels do not serve where colours must change,
so `classifier` compares what the last hidden layer of the classifier sees.
After every epoch the model is kept as a preset. Run again, it goes on where it stopped.

    KERAS_SIMGAN_DATA=... python benchmarks/train_digits_translator.py --target mnist_m \
        --label-weight 1 --noise 0.5 --out runs/mnist_m_consistent
"""

import argparse
from pathlib import Path

import cv2
import keras
import numpy as np
from digits import AUGMENTATIONS, source_digits, target_digits, train_classifier

from keras_simgan import callbacks, data, losses, models, networks, schedules

STEPS = 250


def add_noise(images: np.ndarray, strength: float, seed: int = 0) -> np.ndarray:
    """Paper (black) gets smooth random values up to `strength` of white; ink stays.

    Args:
        images: uint8 digits, white on black, shape `(n, height, width, channels)`.
        strength: From 0, none, to 1.
        seed: Of the noise.

    Returns:
        Other images of the same shape and type.
    """
    rng = np.random.default_rng(seed)
    height, width, channels = images.shape[1:]
    out = images.copy()
    if not strength:
        return out
    for image in out:
        cells = int(rng.integers(2, 9))
        noise = rng.random((cells, cells, channels), "float32")
        noise = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        noise = noise.reshape(height, width, channels).clip(0, 1)
        np.maximum(image, (255 * strength * noise).astype("uint8"), out=image)
    return out


def prepare(images: np.ndarray, target: str, noise: float, augment: bool, seed: int) -> np.ndarray:
    """Source digits as a translator gets them: with noise, or augmented for this target.

    Args:
        images: uint8 digits of `source_digits`.
        target: `"mnist_m"` or `"usps"`.
        noise: Strength of `add_noise`.
        augment: Whether to draw from the target's own augmentation.
        seed: Of what is random.

    Returns:
        Other images of the same shape and type.
    """
    if augment:
        images = AUGMENTATIONS[target](images, np.random.default_rng(seed))
    return add_noise(images, noise, seed)


def frozen_classifier(options: argparse.Namespace) -> keras.Model:
    """Class probabilities, by a classifier trained on augmented MNIST and kept beside the model."""
    path = options.out / "classifier.keras"
    if not path.exists():
        images, labels = source_digits(options.target, 20_000)
        logits = train_classifier(images, labels, 7, AUGMENTATIONS[options.target])
        classes = keras.layers.Softmax()(logits.output)
        keras.Model(logits.input, classes).save(path)
    return keras.models.load_model(path)


def build_simgan(options: argparse.Namespace, shape: tuple[int, int, int]) -> models.SimGAN:
    """The SimGAN for these options, compiled."""
    psi, consistency = options.psi, None
    if psi == "classifier":
        classifier = frozen_classifier(options)
        # The input of the dropout before the logits.
        psi = keras.Model(classifier.input, classifier.get_layer("logits").input)
    if options.label_weight:
        consistency = losses.LabelConsistency(
            frozen_classifier(options), "kullback_leibler", options.label_weight
        )
    keras.utils.set_random_seed(options.seed)
    model = models.SimGAN(
        networks.Refiner(shape, options.filters, options.blocks, dtype=options.dtype),
        networks.RefinerDiscriminator(shape, dtype=options.dtype),
        losses.SelfRegularization(options.self_weight, psi),
        history_size=6000,
        refiner_warmup=100,
        discriminator_warmup=50,
        seed=options.seed,
        label_consistency=consistency,
    )
    model.compile(keras.optimizers.Adam(4e-4, beta_1=0.5), keras.optimizers.Adam(2e-4, beta_1=0.5))
    return model


def build_cyclegan(options: argparse.Namespace, shape: tuple[int, int, int]) -> models.CycleGAN:
    """The CycleGAN for these options, compiled."""

    def generator():
        if options.generator == "refiner":
            return networks.Refiner(shape, options.filters, options.blocks, dtype=options.dtype)
        return networks.ResNetGenerator(
            shape, options.filters, options.blocks, upsampling="resize", dtype=options.dtype
        )

    def discriminator():
        normalization = None if options.generator == "refiner" else "instance"
        return networks.PatchDiscriminator(
            shape, filters=48, layers=2, normalization=normalization, dtype=options.dtype
        )

    consistency = None
    if options.label_weight:
        consistency = losses.LabelConsistency(
            frozen_classifier(options), "kullback_leibler", options.label_weight
        )
    keras.utils.set_random_seed(options.seed)
    model = models.CycleGAN(
        generator(),
        generator(),
        discriminator(),
        discriminator(),
        cycle_weight=options.cycle_weight,
        identity_weight=0.0,
        label_consistency=consistency,
        label_consistency_on=options.label_on,
        pool_size=200,
        seed=options.seed,
    )
    steps = STEPS * options.epochs
    rates = [schedules.LinearDecay(4e-4, steps // 2, steps - steps // 2) for _ in range(2)]
    model.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for rate in rates))
    return model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", choices=tuple(AUGMENTATIONS), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", choices=("cyclegan", "simgan"), default="cyclegan")
    parser.add_argument("--self-weight", type=float, default=1.0, help="of SimGAN")
    parser.add_argument(
        "--psi",
        choices=("identity", "image_gradients", "channel_means", "classifier"),
        default="identity",
        help="what SimGAN's self-regularization compares",
    )
    parser.add_argument("--label-weight", type=float, default=0.0)
    parser.add_argument("--label-on", choices=("translated", "cycled"), default="translated")
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--augment", action="store_true")
    parser.add_argument("--generator", choices=("resnet", "refiner"), default="resnet")
    parser.add_argument("--cycle-weight", type=float, default=10.0)
    parser.add_argument("--filters", type=int, default=24)
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=16, help=f"of {STEPS} steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    digits, _ = source_digits(options.target, 20_000)
    source = prepare(digits, options.target, options.noise, options.augment, seed=0)
    target = target_digits(options.target, "train")[0]
    train = data.unpaired(
        source, target, batch_size=options.batch_size, steps_per_epoch=STEPS, seed=options.seed
    )
    build = {"cyclegan": build_cyclegan, "simgan": build_simgan}[options.model]
    model = build(options, source.shape[1:])
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: model.save_to_preset(
            options.out / "preset", overwrite=True
        )
    )
    model.fit(
        train,
        epochs=options.epochs,
        verbose=2,
        callbacks=[
            callbacks.Backup(options.out / "backup"),
            keras.callbacks.CSVLogger(str(options.out / "log.csv"), append=True),
            callbacks.ImageGrid(
                options.out / "samples", data.to_unit(source[:24]), data.to_unit(target[:24])
            ),
            keep,
        ],
    )


if __name__ == "__main__":
    main()
