from keras_simgan import cli


def test_presets_are_listed(monkeypatch, capsys):
    listed = {"simgan_x": {"image_shape": [36, 60, 1], "license": "MIT", "description": "Eyes."}}
    monkeypatch.setattr("keras_simgan.presets.presets", lambda: listed)
    assert cli.main(["presets"]) == 0
    assert capsys.readouterr().out == "simgan_x  36x60x1  licence: MIT\n    Eyes.\n"
