"""What the tests of the options share."""

import pytest


@pytest.fixture
def make():
    """Makes options of a class, with a source and a target."""

    def build(cls, **options):
        return cls(source="renders", target="photos", **options)

    return build
