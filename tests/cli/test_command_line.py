import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_simgan import cli


@pytest.mark.parametrize(
    "command",
    [
        *([], ["train"], ["train", "simgan"], ["train", "cyclegan"], ["train", "gazegan"]),
        *(["refine"], ["evaluate"], ["presets"], ["demo"]),
    ],
)
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*command, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    example = text[text.index("example") :]
    assert f"keras-simgan {' '.join(command)}".strip() in example


@pytest.mark.parametrize(
    "arguments, match",
    [
        ([], "required: COMMAND"),
        (["train", "simgan", "--source", "a"], "--target, --out"),
        (["refine", "a", "b", "c", "--batch-size", "0"], "0 is not above 0"),
        (
            ["refine", "a", "b", "c", "--direction", "back"],
            "'source_to_target', 'target_to_source'",
        ),
        (["train", "simgan", "--regularization", "-1"], "-1 is not a number from 0 up"),
        (["train", "simgan", "--history", "-1"], "-1 is below 0"),
    ],
)
def test_usage_errors(arguments, match, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert match in capsys.readouterr().err


@pytest.mark.parametrize("command", [["train", "gazegan"], ["refine"], ["evaluate"]])
def test_help_imports_no_keras(command):
    code = (
        "import sys; from keras_simgan import cli\n"
        "try: cli.main([*sys.argv[1:], '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'keras', 'numpy', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[2])},
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
