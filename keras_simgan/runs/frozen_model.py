"""Models of the user's that read labels from images."""

from pathlib import Path

import keras

from keras_simgan.runs.folder import RunError


def load_frozen(option: str, path: str | Path) -> keras.Model:
    """Loads a model that was given as a file.

    Args:
        option: The option that named it, for messages.
        path: A `.keras` file.

    Raises:
        RunError: If it cannot be loaded, or does not take images.
    """
    if not Path(path).is_file():
        raise RunError(f"{option}: there is no file {str(path)!r}. Check the path.")
    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # whatever a damaged or foreign file makes Keras raise
        reason = str(error).strip().splitlines() or [""]
        raise RunError(
            f"{option}: {str(path)!r} cannot be loaded ({type(error).__name__}: {reason[0]}). "
            "Expected a .keras file, as `model.save` writes it, of a model whose layers are Keras' "
            "or this package's."
        ) from error
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise RunError(
            f"{option}: the model in {str(path)!r} must take one batch of images, (batch, height, "
            f"width, channels); its input shape is {shape}. Give another."
        )
    return model


def check_input_shape(
    option: str, path: str | Path, model: keras.Model, image_shape: tuple[int, int, int]
) -> None:
    """Raises where a model's input is not a run's images.

    Args:
        option: The option that named it, for messages.
        path: Its file.
        model: The model.
        image_shape: `(height, width, channels)` of the run's images.

    Raises:
        RunError: If the shapes differ.
    """
    expected = model.input_shape[1:]
    if any(own not in (None, size) for own, size in zip(expected, image_shape, strict=True)):
        raise RunError(
            f"{option}: the model in {str(path)!r} takes images of {_text(expected)} (height x "
            f"width x channels), but this run trains on {_text(image_shape)}. Give --image-size, "
            "--crop or --channels that fit it, or another model."
        )


def _text(shape: tuple) -> str:
    return "x".join("any" if size is None else str(size) for size in shape)
