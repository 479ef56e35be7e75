"""Makes domain_classifier.json: what scikit-learn finds on features drawn from numbers.

    python tests/golden/make_domain_classifier.py

L-BFGS on standardised features, not the solver that the package asks for.
tests/metrics/test_domain_classifier.py draws the same features and compares.
"""

import json
from pathlib import Path

import numpy as np

#: Real images, generated images, features: fewer and more features than images.
SHAPES = ((60, 40, 5), (30, 50, 12), (20, 15, 60))


def features(real: int, generated: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Two sets that overlap; the scales differ, and one feature is constant."""
    draw = np.random.default_rng(real)
    scales = draw.uniform(0.01, 50, count)
    one = draw.normal(0.0, 1.0, (real, count)) * scales + 3
    other = draw.normal(0.5, 1.2, (generated, count)) * scales + 3
    one[:, 1] = other[:, 1] = 0.1
    return one, other


def results() -> list[dict]:
    """Log-odds of the last five images of each set by a classifier fitted to the others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = []
    for shape in SHAPES:
        one, other = features(*shape)
        classifier = make_pipeline(
            StandardScaler(),
            LogisticRegression(C=1.0, class_weight="balanced", tol=1e-10, max_iter=10_000),
        )
        labels = [1] * (len(one) - 5) + [0] * (len(other) - 5)
        classifier.fit(np.concatenate([one[:-5], other[:-5]]), labels)
        odds = classifier.decision_function(np.concatenate([one[-5:], other[-5:]]))
        truth = [1] * 5 + [0] * 5
        found.append(
            {
                "log_odds": odds.tolist(),
                "accuracy": balanced_accuracy_score(truth, odds > 0),
                "area_under_curve": roc_auc_score(truth, odds),
            }
        )
    return found


if __name__ == "__main__":
    path = Path(__file__).with_name("domain_classifier.json")
    path.write_text(json.dumps(results(), indent=1) + "\n")
    print(f"wrote {path}")
