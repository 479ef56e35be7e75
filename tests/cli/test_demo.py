import sys
import types

from keras_simgan import cli


def test_demo_is_handed_its_folder(monkeypatch):
    seen = []
    demo = types.ModuleType("keras_simgan.reporting.demo")
    demo.run_demo = seen.append
    monkeypatch.setitem(sys.modules, "keras_simgan.reporting.demo", demo)
    assert cli.main(["demo", "--out", "somewhere"]) == 0
    assert seen == ["somewhere"]
