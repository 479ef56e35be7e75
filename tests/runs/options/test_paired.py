import pytest

from keras_simgan.runs.options import Pix2PixOptions


def test_what_holds_both_halves_is_not_refined():
    assert Pix2PixOptions(source="maps", target="photos").translates_source
    assert not Pix2PixOptions(source="both", side_by_side="source_left").translates_source


@pytest.mark.parametrize(
    "given, match",
    [
        ({"target": None}, "Give --target"),
        ({"classes": 3, "colours": "colours.json"}, "--classes is for indices and --colours for"),
        ({"classes": 3, "ignore": (1, 2)}, "--ignore takes one index"),
        ({"colours": "colours.json", "ignore": (1,)}, "--ignore takes .* red, green and blue"),
        ({"ignore": (1,)}, "--ignore is for label maps"),
        ({"validation_target": "other"}, "--validation-target goes with --validation-source"),
        ({"validation_source": "other"}, "--validation-source and --validation-target are given"),
        (
            {"instances": "ids", "validation_source": "a", "validation_target": "b"},
            "--instances and --validation-instances go together",
        ),
    ],
)
def test_options_that_do_not_go_together(given, match):
    with pytest.raises(ValueError, match=match):
        Pix2PixOptions(**{"source": "maps", "target": "photos", **given})


def test_an_npz_file_or_images_of_both_halves_need_no_target():
    assert Pix2PixOptions(source="pairs.npz").target is None
    options = Pix2PixOptions(source="both", side_by_side="source_left", validation_source="others")
    assert options.validation_target is None
