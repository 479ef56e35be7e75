import json

import keras
import numpy as np
import pytest

from keras_simgan import metrics
from keras_simgan.data import ImageError, LabelError, read_folder, read_image, to_unit, write_folder
from keras_simgan.data.images import write_image
from keras_simgan.reporting import Agreement, evaluate, transfer
from keras_simgan.reporting import evaluation_measures as measures
from keras_simgan.reporting.image_sample import ImageFit, ImageSample


def all_of(folder):
    """Every image of a folder by name, in [-1, 1]."""
    return {name: to_unit(read_image(folder / name)) for name in read_folder(folder)[0]}


def features_of(folder, extractor):
    return metrics.feature_extractor(extractor)(np.stack(list(all_of(folder).values())))


def test_numbers_are_those_of_the_measures_on_all_images(folders, extractor):
    found = evaluate(*folders.values(), extractor=extractor)
    features = {name: features_of(folder, extractor) for name, folder in folders.items()}
    for name in ("synthetic", "refined"):
        for measure, distance in (
            ("kernel distance", metrics.KernelDistance()),
            ("precision", lambda *pair: metrics.PrecisionRecall()(*pair)["precision"]),
        ):
            expected = distance(features["real"], features[name])
            assert found.distances[measure][name].value == pytest.approx(expected.value, rel=1e-4)
        told = found.distances["domain classifier accuracy"][name]
        assert told.low <= told.value <= told.high
        assert found.distances["Frechet distance"][name].value > 0
    refined, synthetic = all_of(folders["refined"]), all_of(folders["synthetic"])
    similar = metrics.structural_similarity(
        np.stack(list(synthetic.values())), np.stack([refined[name] for name in synthetic])
    )
    assert found.similarity["SSIM"].value == pytest.approx(similar.mean(), abs=1e-6)
    # Every pixel is 50 of 255 brighter: 20 log10(255 / 50).
    assert found.similarity["PSNR"].value == pytest.approx(14.151, abs=1e-3)
    assert found.agreement is None and found.transfer is None


def test_the_floor_is_half_of_the_real_images_against_the_other(folders, extractor):
    found = evaluate(*folders.values(), extractor=extractor)
    assert set(found.distances) == {
        *("kernel distance", "Frechet distance", "domain classifier accuracy"),
        *("precision", "recall"),
    }
    for of in found.distances.values():
        assert list(of) == ["synthetic", "refined", "floor"]
    kernel = found.distances["kernel distance"]
    assert abs(kernel["floor"].value) < kernel["refined"].value < kernel["synthetic"].value


def test_samples_are_the_same_names_and_follow_the_seed(folders, extractor):
    first = evaluate(*folders.values(), extractor=extractor, sample=20)
    again = evaluate(*folders.values(), extractor=extractor, sample=20)
    other = evaluate(*folders.values(), extractor=extractor, sample=20, seed=1)
    names = first.refined.images.names
    assert len(names) == 20 and names == first.synthetic.images.names
    assert names == again.refined.images.names and first.distances == again.distances
    assert names != other.refined.images.names and names != sorted(names)
    np.testing.assert_array_equal(first.paired, np.arange(20))


def test_pairs_are_matched_by_name(folders, extractor):
    (folders["refined"] / "000003.png").unlink()
    (folders["synthetic"] / "000007.png").unlink()
    found = evaluate(*folders.values(), extractor=extractor)
    assert len(found.paired) == 22 and len(found.synthetic) == len(found.refined) == 23
    assert [found.refined.images.names[row] for row in found.paired] == found.originals.names
    assert found.similarity["PSNR"].value == pytest.approx(14.151, abs=1e-3)


def test_few_that_were_kept_are_compared_alike(folders, extractor, monkeypatch):
    compared = []

    def distances(features, real, measure=measures.distances):
        compared.extend(map(len, features.values()))
        return measure(features, real)

    monkeypatch.setattr(measures, "distances", distances)
    write_folder(folders["synthetic"] / "more", np.zeros((80, 16, 16, 1), "uint8"))
    found = evaluate(*folders.values(), extractor=extractor, sample=40)
    # As many of each, and each that was kept beside its original.
    assert compared == [24, 24] and len(found.synthetic) == 40
    assert len(found.paired) == 24 > len(found.synthetic.rows.keys() & found.refined.rows.keys())


def test_masks_are_left_out_without_a_manifest_too(folders, extractor):
    for folder in folders.values():
        (folder / "labels.json").unlink()
        write_image(folder / "masks" / "000000.png", np.zeros((16, 16, 1), "uint8"))
    found = evaluate(*folders.values(), extractor=extractor)
    for sample in (found.synthetic, found.refined, found.real):
        assert len(sample) == 24 and "masks/000000.png" not in sample.rows


def test_nearest_real_image_is_that_of_the_nearest_features(folders, extractor):
    found = evaluate(*folders.values(), extractor=extractor)
    apart = found.refined.features[:, None] - found.real.features[None]
    expected = np.linalg.norm(apart.astype("float64"), axis=-1).argmin(axis=1)
    np.testing.assert_array_equal(found.nearest, expected)


def test_nearest_is_by_euclidean_distance():
    draw = np.random.default_rng(0)
    some, others = draw.normal(0, 1, (1500, 6)), draw.normal(0, 1, (40, 6))
    expected = np.linalg.norm(some[:, None] - others[None], axis=-1).argmin(axis=1)
    np.testing.assert_array_equal(measures.nearest(some, others), expected)


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


def test_label_agreement_compares_before_and_after(folders, extractor):
    inputs = keras.Input((16, 16, 1))
    mean = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Concatenate()([mean, mean]))
    options = {"label_model": model, "label_distance": "keypoints", "extractor": extractor}
    found = evaluate(*folders.values(), **options).agreement
    # Both coordinates move by 50 levels, 100 / 255 in the range of the networks.
    assert found.mean.value == pytest.approx(2**0.5 * 100 / 255, abs=1e-5)
    assert found.holds and found.bound == 2.0
    assert not evaluate(*folders.values(), **options, label_bound=0.5).agreement.holds


def test_classes_that_all_agree_are_not_sure_to(folders, extractor):
    inputs = keras.Input((16, 16, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, kernel_initializer="zeros")(pooled))
    found = evaluate(
        *folders.values(), label_model=model, label_distance="class", extractor=extractor
    ).agreement
    # Wilson's lower limit of 24 of 24, which is below the bound.
    assert found.mean.value == 1.0 and found.mean.low == pytest.approx(
        24 / (24 + 1.96**2), abs=1e-4
    )
    assert not found.holds


def test_reference_takes_the_place_of_the_photos(folders, extractor):
    real = np.stack(list(all_of(folders["real"]).values()))
    reference = metrics.ReferenceStatistics.of(real, extractor)
    found = evaluate(
        folders["synthetic"], folders["refined"], reference=reference, extractor=extractor
    )
    whole = evaluate(*folders.values(), extractor=extractor)
    assert found.real is None and found.nearest is None
    for name in ("synthetic", "refined"):
        value = found.distances["kernel distance"][name].value
        # Kept at half precision.
        assert value == pytest.approx(whole.distances["kernel distance"][name].value, rel=0.02)


def test_transfer_learns_what_the_label_says_and_goes_on(folders, extractor, tmp_path, monkeypatch):
    folders["real"] = folders["refined"]
    options = {
        **{"labels": "kind", "extractor": extractor, "steps": 60, "seeds": 1},
        "trainings": tmp_path / "kept",
    }
    first = evaluate(*folders.values(), **options).transfer
    assert list(first.scores) == ["synthetic", "augmented", "refined"]
    assert first.scores["refined"].mean.value > 90
    assert first.unit == "% right" and not first.lower_is_better
    assert first.chance == 50.0 and first.images == 24
    monkeypatch.setattr(transfer, "_Batches", None)  # whoever trains again fails
    assert evaluate(*folders.values(), **options).transfer == first
    # Other images are other trainings.
    write_image(folders["refined"] / "000000.png", np.zeros((16, 16, 1), "uint8"))
    with pytest.raises(TypeError):
        evaluate(*folders.values(), **options)


def test_refined_is_compared_with_synthetic_and_with_augmented(folders, extractor, monkeypatch):
    called = []

    def gain(arms, test, measure, baseline, **options):
        called.append((arms, baseline))
        value = {"synthetic": 5.0, "augmented": 3.0}[baseline]
        return {arm: metrics.TransferScore(None, (), metrics.Estimate(value), None) for arm in arms}

    monkeypatch.setattr(transfer, "transfer_gain", gain)
    found = evaluate(*folders.values(), labels="kind", extractor=extractor).transfer
    assert found.scores["refined"].gain.value == 5.0 and found.over_augmented.value == 3.0
    assert (
        called[0][0]
        == called[1][0]
        == {
            "synthetic": ("synthetic", False),
            "augmented": ("synthetic", True),
            "refined": ("refined", False),
        }
    )


def test_gaze_is_measured_in_degrees(tmp_path, extractor):
    gaze = np.zeros((20, 2))
    gaze[:10, 1] = 0.2
    images = np.random.default_rng(0).integers(0, 255, (20, 20, 24, 1), "uint8")
    for name in ("synthetic", "refined", "real"):
        write_folder(tmp_path / name, images, {"gaze": gaze})
    found = evaluate(
        *(tmp_path / name for name in ("synthetic", "refined", "real")),
        labels="gaze",
        extractor=extractor,
        steps=2,
        seeds=1,
    )
    # Half of them look 0.2 radians away from the others, so all are half of that from the mean.
    assert found.transfer.chance == pytest.approx(np.degrees(0.1), abs=1e-3)
    assert found.transfer.unit == "degrees" and found.transfer.lower_is_better
    # A critic that has the same images on both sides finds no difference.
    assert (found.scores == 0.5).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((24, 2), 20.0), "in radians"),
        (np.zeros(24), "must be the gaze"),
        (np.zeros((24, 3)), "must be the gaze"),
    ],
)
def test_labels_of_other_kinds_are_refused(folders, extractor, values, message):
    for folder in folders.values():
        rows = {f"{row:06d}.png": {"x": value.tolist()} for row, value in enumerate(values)}
        (folder / "labels.json").write_text(json.dumps(rows))
    with pytest.raises(LabelError, match=message):
        evaluate(*folders.values(), labels="x", extractor=extractor)


def test_missing_label_is_named(folders, extractor):
    with pytest.raises(LabelError, match="no label 'pose': they are 'kind', 'gaze'"):
        evaluate(*folders.values(), labels="pose", extractor=extractor)
    (folders["real"] / "labels.json").unlink()
    with pytest.raises(LabelError, match="The test images have no label 'kind': there is no label"):
        evaluate(*folders.values(), labels="kind", extractor=extractor)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"real": None}, "one of `real` and `reference`"),
        ({"test": "x"}, "`test` does nothing"),
        ({"label_distance": "angle"}, "go together"),
        ({"label_model": len, "label_distance": "l2"}, "`label_distance` must be one of"),
        ({"sample": 10}, "`sample` must be a whole number from 20"),
        ({"on_bad_image": "ignore"}, "`on_bad_image`"),
        ({"extractor": "big"}, "no feature extractor 'big'"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_any_work(tmp_path, options, message):
    paths = {"synthetic": tmp_path, "refined": tmp_path, "real": tmp_path}
    with pytest.raises(ValueError, match=message):
        evaluate(**{**paths, **options})


def test_label_model_of_another_size_is_refused(folders, extractor):
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Flatten()(inputs))
    with pytest.raises(ValueError, match=r"takes images of shape \(8, 8, 1\)"):
        evaluate(
            *folders.values(), label_model=model, label_distance="keypoints", extractor=extractor
        )


def test_folders_that_do_not_fit_are_refused(folders, extractor, tmp_path):
    images = np.zeros((20, 16, 16, 1), "uint8")
    write_folder(tmp_path / "few", images[:19])
    with pytest.raises(ImageError, match="has 19 images.*at least 20"):
        evaluate(folders["synthetic"], folders["refined"], tmp_path / "few", extractor=extractor)
    write_folder(tmp_path / "other", images, names=[f"x{row}.png" for row in range(20)])
    with pytest.raises(ValueError, match="has the name of one in.*'x0.png'.*'000000.png'"):
        evaluate(folders["synthetic"], tmp_path / "other", folders["real"], extractor=extractor)
    write_folder(tmp_path / "colour", np.zeros((20, 16, 16, 3), "uint8"))
    with pytest.raises(ImageError, match="3 channels"):
        evaluate(folders["synthetic"], folders["refined"], tmp_path / "colour", extractor=extractor)
    write_folder(tmp_path / "alpha", np.zeros((20, 16, 16, 4), "uint8"))
    with pytest.raises(ImageError, match="--convert-channels"):
        evaluate(tmp_path / "alpha", tmp_path / "alpha", folders["real"], extractor=extractor)


def test_bad_images_stop_or_are_left_out(folders, extractor):
    (folders["real"] / "000002.png").write_bytes(b"not an image")
    with pytest.raises(ImageError, match="000002.png"):
        evaluate(*folders.values(), extractor=extractor)
    with pytest.warns(UserWarning, match="1 of 24 images"):
        found = evaluate(*folders.values(), extractor=extractor, on_bad_image="skip")
    assert len(found.real) == 23 and "000002.png" not in found.real.rows


@pytest.mark.filterwarnings("ignore:1 of .* are skipped:UserWarning")
@pytest.mark.parametrize("sample", [2048, 24])
def test_bad_originals_are_left_out_of_the_pairs(folders, extractor, sample):
    # With a sample of 24, further names leave some originals unread when they are paired.
    write_folder(folders["synthetic"] / "more", np.zeros((80, 16, 16, 1), "uint8"))
    (folders["synthetic"] / "000002.png").write_bytes(b"not an image")
    with pytest.raises(ImageError, match="000002.png"):
        evaluate(*folders.values(), extractor=extractor)
    options = {"extractor": extractor, "on_bad_image": "skip"}
    found = evaluate(*folders.values(), **options, sample=sample)
    assert len(found.paired) == 23 and "000002.png" not in found.originals.names
    assert found.similarity["PSNR"].value == pytest.approx(14.151, abs=1e-3)


@pytest.mark.parametrize("others", [5, 200])
def test_few_names_in_common_are_refused(folders, extractor, others):
    images = np.zeros((others, 16, 16, 1), "uint8")
    write_folder(folders["refined"] / "more", images)
    for row in range(5):
        (folders["synthetic"] / f"{row:06d}.png").unlink()
    write_folder(folders["synthetic"] / "fill", images)
    with pytest.raises(ImageError, match=r"\d+ of 24 images taken from .*refined.* expected at"):
        evaluate(*folders.values(), extractor=extractor, sample=24)


def test_histograms_count_levels_and_slopes(tmp_path, extractor):
    ramp = np.tile(np.arange(0, 64, 4, dtype="uint8")[:, None, None], (2, 1, 16, 1))
    write_folder(tmp_path / "ramps", ramp)
    fit = ImageFit((16, 16), 1)
    names = ["000000.png", "000001.png"]
    sample = ImageSample.read(
        tmp_path / "ramps", names, 2, 0, fit, metrics.feature_extractor(extractor)
    )
    # Each of 16 rows has its level: 2 images of 16 pixels.
    assert sample.grays[:64:4].tolist() == [32] * 16 and sample.grays.sum() == 512
    # It climbs by 4 levels a pixel wherever there are neighbours.
    assert sample.gradients[3:5].sum() == 2 * 14 * 14 == sample.gradients.sum()


def test_larger_images_are_brought_to_the_size_of_the_synthetic_ones(folders, extractor, tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (20, 40, 30, 1), "uint8")
    write_folder(tmp_path / "large", images)
    found = evaluate(
        folders["synthetic"], folders["refined"], tmp_path / "large", extractor=extractor
    )
    assert found.real.images[np.array([0])].shape == (1, 16, 16, 1)
    found = evaluate(*folders.values(), extractor=extractor, image_size=(12, 14))
    assert found.synthetic.images[np.array([0])].shape == (1, 12, 14, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_augmentation_changes_images_a_little_and_keeps_their_range(channels):
    images = np.random.default_rng(0).uniform(-1, 1, (4, 16, 20, channels)).astype("float32")
    changed = transfer.augmented(images, np.random.default_rng(1))
    assert changed.shape == images.shape and changed.dtype == images.dtype
    assert -1 <= changed.min() and changed.max() <= 1
    assert np.abs(changed - images).mean() > 0.02
    again = transfer.augmented(images, np.random.default_rng(1))
    np.testing.assert_array_equal(changed, again)


def test_table_shows_every_measure_once(folders, extractor):
    found = evaluate(*folders.values(), extractor=extractor)
    gain = metrics.Estimate(1.5, 1.0, 2.0)
    scores = {
        arm: metrics.TransferScore(metrics.Estimate(mean), (mean,), gain, None)
        for arm, mean in (("synthetic", 7.25), ("augmented", 6.25), ("refined", 5.25))
    }
    over = metrics.Estimate(1.25, 1.0, 1.5)
    found.transfer = transfer.Transfer(scores, over, "degrees", True, 9.0, 24)
    found.agreement = Agreement(metrics.Estimate(0.99, 0.98, 1.0), "class", 0.95)
    headers, rows = found.table()
    assert all(len(row) == len(headers) for row in rows)
    names = [row[0] for row in rows]
    assert len(names) == len(set(names)) == 5 + 2 + 1 + 4
    assert names[:3] == [
        "kernel distance, tiny KID (lower)",
        "Frechet distance, tiny FID (lower)",
        "domain classifier accuracy (near 0.5)",
    ]
    lines = str(found).splitlines()
    assert len(lines) == 2 + len(rows)
    assert str(found.distances["recall"]["refined"]) in str(found)
    assert rows[-5][1:] == ["", str(found.agreement.mean), ""]
    assert [row[1:] for row in rows[-4:]] == [
        [str(scores["synthetic"].mean), str(scores["refined"].mean), ""],
        [str(scores["augmented"].mean), "", ""],
        ["", str(gain), ""],
        ["", str(over), ""],
    ]
