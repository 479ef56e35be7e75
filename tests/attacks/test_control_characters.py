"""Names and other people's words that a terminal would obey, through each command."""

import unicodedata

import numpy as np
import pytest

from keras_simgan import cli
from keras_simgan.data import write_folder, write_image
from keras_simgan.reporting import html

EVIL = "\x1b[31mred\nline\r\x07\N{RIGHT-TO-LEFT OVERRIDE}gnp"
SIZE = (12, 16, 1)


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *SIZE)).astype("uint8")


@pytest.fixture
def evil(tmp_path):
    """A folder of such a name with images of such names, of which one is damaged."""
    folder = tmp_path / EVIL
    write_folder(folder, images(20), names=[f"{EVIL}{i}.png" for i in range(20)])
    (folder / f"{EVIL}bad.png").write_bytes(b"nonsense")
    return folder


@pytest.fixture
def shown(capsys):
    """Runs a command; returns its exit status and what it wrote, which a terminal cannot obey."""

    def run(*arguments):
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code
        text = "".join(capsys.readouterr())
        # Keras' progress bars go back in their line, and colour it.
        bars = text.replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\x1b[32m", "")
        bars = bars.replace("\x1b[37m", "").replace("\x08", "").replace("\r", "")
        for character in bars.replace("\n", ""):
            assert unicodedata.category(character) not in ("Cc", "Cf", "Cs"), repr(bars)
        assert "\nline" not in text and "\x1b[31m" not in text and "\x1b[32mred" not in text
        return status, text

    return run


def test_refine(evil, tmp_path, shown):
    preset = "simgan_eyes_36x60"
    status, text = shown("refine", preset, evil, tmp_path / f"out{EVIL}")
    assert status == 2 and r"\x1b[31mred\nline\r\x07\u202egnp" in text
    # The name alone does not keep an image from being refined.
    status, text = shown("refine", preset, evil, tmp_path / f"out{EVIL}", "--on-bad-image", "skip")
    assert status == 0 and "1 skipped" in text
    assert r"skipped \x1b[31mred\nline\r\x07\u202egnpbad.png: The image" in text
    assert (tmp_path / f"out{EVIL}" / f"{EVIL}0.png").exists()


def test_train(evil, tmp_path, shown):
    command = ("train", "simgan", "--source", evil, "--target", evil, "--out", tmp_path / "run")
    assert shown(*command)[0] == 2
    small = ("--batch-size", 2, "--filters", 2, "--blocks", 1, "--history", 4)
    small += ("--refiner-warmup", 0, "--discriminator-warmup", 0, "--epochs", 1)
    status, text = shown(*command, *small, "--on-bad-image", "skip")
    assert status == 0 and r"warning: 1 of 21 images in" in text


def test_evaluate(evil, tmp_path, shown):
    for name in ("refined", "real"):
        write_folder(tmp_path / name, images(20, 1), names=[f"{EVIL}{i}.png" for i in range(20)])
    command = ["evaluate", "--synthetic", evil, "--refined", tmp_path / "refined"]
    command += ["--real", tmp_path / "real", "--report", tmp_path / f"{EVIL}.html"]
    assert shown(*command)[0] == 2
    status, text = shown(*command, "--on-bad-image", "skip")
    assert status == 0, text
    page = (tmp_path / f"{EVIL}.html").read_text()
    assert not {"\x1b", "\x07", "\N{RIGHT-TO-LEFT OVERRIDE}"} & set(page)
    assert r"\x1b[31mred" in page


def test_presets(tmp_path, shown, monkeypatch):
    described = {EVIL: {"description": EVIL, "license": EVIL, "image_shape": [EVIL]}}
    monkeypatch.setattr("keras_simgan.presets.presets", lambda: described)
    status, text = shown("presets")
    assert status == 0 and text.count("\n") == 2


def test_demo(tmp_path, shown):
    (tmp_path / EVIL).mkdir()
    (tmp_path / EVIL / EVIL).touch()
    status, text = shown("demo", "--out", tmp_path / EVIL)
    assert status == 2 and "Nothing was written" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("refine", EVIL, EVIL, EVIL),
        ("refine", "simgan_eyes_36x60", EVIL, EVIL, EVIL),
        ("refine", "a", "b", "c", "--batch-size", EVIL),
        ("refine", "a", "b", "c", f"--{EVIL}"),
        ("train", EVIL),
        (EVIL,),
        ("evaluate", "--synthetic", EVIL, "--refined", EVIL),
    ],
)
def test_arguments(shown, arguments):
    """As they come from `*` in a folder of such files."""
    assert shown(*arguments)[0] == 2


def test_a_page():
    page = html.Page(f"<script>{EVIL}", "test", EVIL)
    page.section(EVIL, html.paragraph(f"<b>{EVIL}"), html.code("a\nb"))
    text = page.html()
    assert "<script>" not in text and "<b>" not in text and "a\nb" in text
    assert not {"\x1b", "\x07", "\N{RIGHT-TO-LEFT OVERRIDE}"} & set(text)


def test_memory_that_is_not_there(shown, monkeypatch, tmp_path):
    def fail(*arguments, **options):
        raise MemoryError(f"Unable to allocate 1 TiB for {EVIL}")

    write_image(tmp_path / "a.png", images(1)[0])
    monkeypatch.setattr("keras_simgan.refinement.refine_dataset", fail)
    status, text = shown("refine", "simgan_eyes_36x60", tmp_path, tmp_path / "out")
    assert status == 2 and "error: not enough memory. Unable to allocate" in text
