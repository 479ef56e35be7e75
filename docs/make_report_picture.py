"""Makes `docs/images/evaluate.png`, the top of a report that shows no real photo.

    KERAS_SIMGAN_DATA=... python docs/make_report_picture.py

1,000 eyes of `data.EyeRenderer`, refined by `simgan_eyes_36x60` and compared with the statistics
that this preset keeps of real eyes; networks trained on them are tested on the 500 real eyes of
KERAS_SIMGAN_DATA/eyes/mpiigaze_p00_36x60.npz that are for validation. Needs Chromium; ten minutes
of one core.
"""

import argparse
import os
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from keras_simgan import cli
from keras_simgan.data import EyeRenderer, write_folder

PICTURE = Path(__file__).parent / "images" / "evaluate.png"
PRESET = "simgan_eyes_36x60"


def main() -> None:
    """Writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/report_picture"))
    out = parser.parse_args().out
    renders, refined, real, report = (
        out / name for name in ("renders", "refined", "real", "report.html")
    )
    if not renders.exists():
        images, labels = EyeRenderer((36, 60), seed=0).render(1000)
        write_folder(renders, images, {"gaze": labels["gaze"]})
        with np.load(Path(os.environ["KERAS_SIMGAN_DATA"]) / "eyes/mpiigaze_p00_36x60.npz") as eyes:
            tested = eyes["split"] == 1
            write_folder(real, eyes["images"][tested], {"gaze": eyes["gaze"][tested]})
    _run("refine", PRESET, renders, refined)
    sets = ("--synthetic", renders, "--refined", refined, "--reference", PRESET)
    _run("evaluate", *sets, "--labels", "gaze", "--test", real, "--report", report)
    chromium = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars"]
    shot = [f"--screenshot={PICTURE}", "--window-size=1100,2110", report.resolve().as_uri()]
    subprocess.run([*chromium, *shot], check=True)
    with Image.open(PICTURE) as picture:
        picture.convert("RGB").quantize(256).save(PICTURE, optimize=True)


def _run(*words: object) -> None:
    if code := cli.main([str(word) for word in words]):
        raise SystemExit(code)


if __name__ == "__main__":
    main()
