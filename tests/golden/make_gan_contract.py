"""Makes gan_contract.json: the losses of every GAN's test contract, in float64.

    KERAS_BACKEND=tensorflow python tests/golden/make_gan_contract.py

tests/models/gan_contract.py trains the same on each backend and compares to 1e-9. Run this again
only where a change of the losses is meant, and say so in the CHANGELOG.
"""

import importlib
import json
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent


def main() -> None:
    """Trains each model whose test file subclasses the contract."""
    sys.path[:0] = [str(TESTS / "models"), str(TESTS)]
    from gan_contract import GANContract, both_turns, in_float64

    found = {}
    for path in sorted((TESTS / "models").glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for held in vars(module).values():
            if isinstance(held, type) and issubclass(held, GANContract) and held is not GANContract:
                contract = held()
                with in_float64():
                    model = contract.compiled()
                    with both_turns(model):
                        found[held.golden_name()] = contract.train(model)
    (Path(__file__).parent / "gan_contract.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
