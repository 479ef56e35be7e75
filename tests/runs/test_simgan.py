import pytest

from keras_simgan.runs import simgan
from keras_simgan.runs.options import SimGANOptions


@pytest.fixture
def arguments(monkeypatch):
    """What the model is built with."""
    monkeypatch.setattr(simgan, "SimGAN", lambda *networks, **arguments: arguments)

    def build(**options):
        options = SimGANOptions(source="renders", target="photos", filters=2, **options)
        return simgan.simgan((16, 16, 1), options)

    return build


def test_the_options_reach_the_model(arguments):
    found = arguments(
        regularization=3.0, psi="channel_means", history=7, refiner_warmup=5, seed=4, blocks=1
    )
    regularization = found.pop("self_regularization")
    assert (regularization.weight, regularization.psi) == (3.0, "channel_means")
    assert found == {
        **{"history_size": 7, "refiner_warmup": 5, "discriminator_warmup": 200, "seed": 4},
        "adversarial_loss": "local",
    }


def test_the_loss_is_handed_on(arguments):
    assert arguments(adversarial_loss="wasserstein")["adversarial_loss"] == "wasserstein"
