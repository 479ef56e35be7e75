import keras
import numpy as np

from keras_simgan import cli
from keras_simgan.data import read_folder, read_image, write_image
from keras_simgan.refinement import read_manifest


def test_refine_by_run_and_by_preset(folders, run, tmp_path, capsys):
    for model, out in ((run, "a"), (run / "preset", "b")):
        arguments = ["refine", str(model), str(folders / "renders"), str(tmp_path / out)]
        assert cli.main(arguments) == 0
        assert "12 images refined, 1 other files copied" in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "a").glob("[!.]*"))
    names.remove("manifest.jsonl")
    assert names == sorted(path.name for path in (folders / "renders").iterdir())
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    old = read_image(folders / "renders/000000.png")
    assert not np.array_equal(read_image(tmp_path / "a/000000.png"), old)

    assert cli.main(arguments) == 0
    assert "0 images refined, 0 other files copied, 13 files finished" in capsys.readouterr().out
    write_image(tmp_path / "b/000003.png", old)
    assert cli.main(arguments) == 2
    assert "1 files in" in capsys.readouterr().err
    assert cli.main([*arguments, "--overwrite"]) == 0
    assert not np.array_equal(read_image(tmp_path / "b/000003.png"), old)


def test_refine_tells_what_it_skips(folders, run, tmp_path, capsys):
    source = tmp_path / "source"
    write_image(source / "a.png", np.zeros((8, 12, 1), "uint8"))
    (source / "b.png").write_text("no image")
    arguments = ["refine", str(run), str(source), str(tmp_path / "out")]
    assert cli.main(arguments) == 2
    assert "b.png' is damaged" in capsys.readouterr().err
    assert cli.main([*arguments, "--on-bad-image", "skip"]) == 0
    told = capsys.readouterr()
    assert "1 skipped." in told.out and "skipped b.png: The image" in told.out
    assert told.err.startswith("warning: 1 images in")


def test_refine_keeps_the_best(folders, run, tmp_path, capsys):
    reader = keras.Sequential(
        [keras.Input((None, None, 1)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    )
    reader.save(tmp_path / "reader.keras")
    arguments = ["refine", str(run), str(folders / "renders"), str(tmp_path / "out")]
    arguments += ["--critic", str(folders / "photos"), "--keep-fraction", "0.5"]
    assert cli.main([*arguments, "--label-model", str(tmp_path / "reader.keras")]) == 2
    assert "--label-model and --label-distance need each other" in capsys.readouterr().err
    arguments += ["--label-model", str(tmp_path / "reader.keras"), "--label-distance", "angle"]
    assert cli.main(arguments) == 0
    assert "12 images refined" in (told := capsys.readouterr().out)
    assert "6 left out by --keep-fraction" in told
    assert len(list((tmp_path / "out").glob("*.png"))) == 6
    names, labels = read_folder(tmp_path / "out")
    assert len(names) == 6 and all(len(values) == 6 for values in labels.values())
    scores = [line["scores"] for line in read_manifest(tmp_path / "out")[1] if "scores" in line]
    assert len(scores) == 12
    assert all(0 <= each["realism"] <= 1 and each["label_agreement"] <= 0 for each in scores)


def test_refine_errors(folders, tmp_path, capsys):
    arguments = [str(folders / "renders"), str(tmp_path / "out")]
    assert cli.main(["refine", "simgan_ears", *arguments]) == 2
    assert "no preset 'simgan_ears'" in capsys.readouterr().err
    eyes = ["refine", "simgan_eyes_36x60", *arguments, "--direction", "target_to_source"]
    assert cli.main(eyes) == 2
    assert "A SimGAN translates source_to_target. Received" in capsys.readouterr().err
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text("{}")
    assert cli.main(["refine", str(tmp_path / "run"), *arguments]) == 2
    assert "has finished no epoch yet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
