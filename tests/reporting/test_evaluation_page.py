import base64
import re

import cv2
import numpy as np
import pytest

from keras_simgan import metrics
from keras_simgan.data import read_folder, read_image, to_unit, write_folder
from keras_simgan.evaluation import evaluate, transfer, verdict
from keras_simgan.reporting import evaluation_page
from keras_simgan.reporting.html import made_by


@pytest.fixture
def found(folders, extractor):
    return evaluate(*folders.values(), extractor=extractor)


def pictures(html):
    """The pictures of a page, by their texts."""
    found = {}
    for data, alt in re.findall(
        r'<img src="data:image/png;base64,([^"]*)"[^>]*alt="([^"]*)"', html
    ):
        pixels = np.frombuffer(base64.b64decode(data), "uint8")
        found[alt] = cv2.imdecode(pixels, cv2.IMREAD_UNCHANGED)
    return found


def text_of(html):
    return re.sub(r'src="[^"]*"', "", html)


def test_page_answers_and_stands_alone(found, tmp_path):
    found.facts = {"command": "keras-simgan evaluate --x <1>", **found.facts}
    path = tmp_path / "report.html"
    evaluation_page.build(found).write(path)
    html = path.read_text(encoding="utf-8")
    assert verdict(found).sentence in html and "The rule" in html
    headings = re.findall(r"<h2[^>]*>([^<]*)</h2>", html)
    assert headings == [
        "The answer",
        "The numbers",
        "Before, after, and the nearest real image",
        "Worst and best",
        "Gray values and edges",
        "How this page was made",
    ]
    for of in found.distances.values():
        assert all(str(value) in html.replace("\xa0", " ") for value in of.values())
    assert "--x &lt;1&gt;" in html and "24 synthetic, 24 refined, 24 real images" in html
    assert "<script" not in html and not re.search(r'(src|href)="(?!#|data:)', html)
    assert "url(" not in html and "nan" not in text_of(html)
    assert 'name="viewport"' in html and 'class="skip"' in html
    # What scrolls can be reached with the keyboard.
    assert html.count('class="scroll"') == html.count('class="scroll" role="region" tabindex="0"')
    assert made_by(path, evaluation_page.GENERATOR)


def test_pictures_are_those_of_their_captions(found, folders):
    html = evaluation_page.build(found).html()
    shown = pictures(html)
    # Eight pairs with their nearest, and four worst and four best pairs.
    assert len(re.findall("<img ", html)) == 8 * 3 + 2 * 4 * 2
    assert "mind their licence" in html
    name = found.refined.images.names[0]
    for kind in ("synthetic", "refined"):
        expected = read_image(folders[kind] / name)[..., 0]
        np.testing.assert_array_equal(shown[f"{kind}: {name}"], expected)
    nearest = found.real.images.names[found.nearest[0]]
    expected = read_image(folders["real"] / nearest)[..., 0]
    np.testing.assert_array_equal(shown[f"nearest real: {name}"], expected)


def test_worst_and_best_are_in_order(found):
    found.scores = np.arange(24) / 100
    found.score_name = "a score"
    html = evaluation_page.build(found).html()
    scores = [float(score) for score in re.findall(r"<figcaption>[^<]*, score ([^<]*)<", html)]
    assert scores == [0.0, 0.01, 0.02, 0.03, 0.23, 0.22, 0.21, 0.2]
    names = found.refined.images.names
    assert f"<figcaption>{names[0]}, score 0.000<" in html
    found.scores = np.full(24, 0.5)
    html = evaluation_page.build(found).html()
    assert "All images score the same, 0.5: a score." in html and "The worst" not in html


def test_without_photos_there_is_no_nearest(folders, extractor):
    images = [to_unit(read_image(folders["real"] / n)) for n in read_folder(folders["real"])[0]]
    reference = metrics.ReferenceStatistics.of(np.stack(images), extractor)
    found = evaluate(
        folders["synthetic"], folders["refined"], reference=reference, extractor=extractor
    )
    html = evaluation_page.build(found).html()
    assert html.count("<img ") == 8 * 2 + 2 * 4 * 2 and "nearest real:" not in html
    assert "mind their licence" not in html and ">Before and after</h2>" in html
    assert html.count("</svg>real</li>") == 0 and html.count("</svg>refined</li>") == 2


def test_large_images_are_shown_smaller(tmp_path, extractor):
    images = np.random.default_rng(0).integers(0, 255, (20, 30, 300, 1), "uint8")
    for name in ("synthetic", "refined", "real"):
        write_folder(tmp_path / name, images)
    found = evaluate(
        *(tmp_path / name for name in ("synthetic", "refined", "real")), extractor=extractor
    )
    sizes = {image.shape for image in pictures(evaluation_page.build(found).html()).values()}
    assert sizes == {(26, 256)}


def test_seeds_of_the_networks_are_told(found):
    gain = metrics.Estimate(1.5, 1.0, 2.0)
    score = metrics.TransferScore(metrics.Estimate(7.25, 7.0, 7.5), (7.125, 7.375), gain, None)
    scores = dict.fromkeys(transfer.ARMS, score)
    found.transfer = transfer.Transfer(scores, gain, "degrees", True, 9.0, 24)
    html = evaluation_page.build(found).html()
    assert "trained 2 times" in html and "refined 7.12, 7.38" in html
    assert "Always giving the same answer: 9 degrees" in html


def test_losses_are_drawn_four_to_a_chart(tmp_path, found):
    run = tmp_path / "eyes <run>"
    run.mkdir()
    columns = ["epoch", "a_b", "c", "d", "e", "f", "loss", "val_a_b", "empty"]
    rows = [[0, 1, 2, 3, 4, 5, 15, "NA", "NA"], [1, 0.5, 2, 3, 4, 5, 14, 2, "NA"]]
    lines = [",".join(map(str, row)) for row in [columns, *rows]]
    (run / "log.csv").write_text("\n".join(lines) + "\n")
    html = evaluation_page.build(found, run).html()
    assert "a b: 0.5 at the end" in html and "f: 5 at the end" in html
    assert "Training of eyes &lt;run&gt;, part 2" in html
    assert "empty" not in html and "loss: " not in html and "val a b" not in html


def test_run_without_a_log_is_refused(tmp_path, found):
    with pytest.raises(ValueError, match="There is no '.*log.csv'.*--out of"):
        evaluation_page.build(found, tmp_path)
    (tmp_path / "log.csv").write_text("epoch,loss\n")
    with pytest.raises(ValueError, match="no finished epoch"):
        evaluation_page.build(found, tmp_path)


def test_manifest_is_summed_up(found):
    lines = [{"input": f"{row}.png", "action": "refined"} for row in range(1200)]
    lines += [
        {"input": f"bad{row}.png", "action": "skipped", "reason": f"<reason {row}>"}
        for row in range(7)
    ]
    header = {
        **{
            "manifest": 1,
            "refiner": "eyes",
            "weights_sha256": "0" * 200,
            "tile": None,
            "scores": [],
        },
        "versions": {"keras": "3.15", "backend": "jax"},
    }
    found.manifest = (header, lines)
    html = evaluation_page.build(found).html()
    assert "<dt>files refined</dt><dd>1,200</dd>" in html
    assert "<dt>files skipped</dt><dd>7</dd>" in html
    assert "<dt>refiner</dt><dd>eyes</dd>" in html and "keras 3.15, backend jax" in html
    assert "bad4.png: &lt;reason 4&gt;; and 2 more." in html and "bad5.png" not in html
    assert "<dt>tile</dt>" not in html and "<dt>scores</dt>" not in html and "0" * 81 not in html
