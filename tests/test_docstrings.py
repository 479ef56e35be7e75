"""Every example in the package's docstrings runs, and prints what it says, on each backend."""

import doctest
import importlib
import io
import pkgutil

import pytest

import keras_simgan

#: Packages that only some have; the examples of a module that needs an absent one are skipped.
OPTIONAL = {"apache_beam", "jax", "torch"}


def examples():
    """A parameter for each docstring that has an example."""
    for found in pkgutil.walk_packages(keras_simgan.__path__, "keras_simgan."):
        if found.name.endswith(".__main__"):
            continue
        try:
            module = importlib.import_module(found.name)
        except ImportError as error:
            absent = (error.__cause__ or error).name or ""
            if absent.partition(".")[0] not in OPTIONAL:
                raise
            yield pytest.param(None, id=found.name, marks=pytest.mark.skip(str(error)))
            continue
        for test in doctest.DocTestFinder().find(module, found.name):
            if test.examples:
                yield pytest.param(test, id=test.name)


EXAMPLES = list(examples())


def failures(test):
    """What the examples of a docstring print instead of what they should; empty if they hold."""
    report = io.StringIO()
    doctest.DocTestRunner().run(test, out=report.write)
    return report.getvalue()


@pytest.mark.parametrize("test", EXAMPLES)
def test_example_holds(test, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = failures(test)
    if report:
        pytest.fail(report, pytrace=False)


def test_public_classes_and_functions_are_among_the_examples():
    """So that an empty collection is seen."""
    names = {example.id for example in EXAMPLES}
    assert "keras_simgan.models.simgan.SimGAN" in names
    assert "keras_simgan.metrics.estimate.Estimate.of_share" in names


@pytest.mark.parametrize("text", [">>> 1 + 1\n3", ">>> int('one')"])
def test_a_wrong_example_fails(text):
    test = doctest.DocTestParser().get_doctest(text, {}, "wrong", None, None)
    assert "wrong" in failures(test)
