import json

import numpy as np

from keras_simgan.data import read_folder, read_image
from keras_simgan.data.images import write_image
from keras_simgan.evaluation import evaluate


def test_scores_of_a_critic_are_higher_for_what_looks_real(folders, extractor):
    real = read_image(folders["real"] / "000000.png")
    write_image(folders["refined"] / "000000.png", real)
    found = evaluate(*folders.values(), extractor=extractor)
    assert found.scores.shape == (24,) and ((0 <= found.scores) & (found.scores <= 1)).all()
    assert found.scores[found.refined.rows["000000.png"]] > np.median(found.scores)


def manifest(folder, lines):
    header = {"manifest": 1, "refiner": "tiny", "versions": {"keras": "3"}}
    text = "\n".join(json.dumps(line) for line in [header, *lines])
    (folder / "manifest.jsonl").write_text(text + "\n")


def test_manifest_gives_scores_and_leaves_masks_out(folders, extractor):
    for name in ("synthetic", "refined"):
        (folders[name] / "labels.json").unlink()
        write_image(folders[name] / "masks" / "000000.png", np.zeros((16, 16, 1), "uint8"))
    names = read_folder(folders["real"])[0]
    lines = [
        {
            "input": name,
            "output": name,
            "action": "refined",
            "scores": {"label_agreement": -1.0, "realism": row / 100},
        }
        for row, name in enumerate(names)
    ]
    # Of a mask whose image is left out, and of an image that was rejected, there is no output.
    lines[5] |= {"action": "rejected", "output": None}
    (folders["refined"] / names[5]).unlink()
    mask = "masks/000000.png"
    lines.append({"input": mask, "output": mask, "action": "copied"})
    manifest(folders["refined"], lines)
    found = evaluate(*folders.values(), extractor=extractor)
    assert len(found.synthetic) == 24 and len(found.refined) == 23
    assert mask not in found.synthetic.rows
    assert found.score_name.startswith("realism, from the refinement's manifest")
    assert found.scores[found.refined.rows[names[9]]] == 0.09
    lines[9].pop("scores")
    manifest(folders["refined"], lines)
    assert "critic" in evaluate(*folders.values(), extractor=extractor).score_name
