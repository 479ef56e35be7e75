"""Makes distances.json: distances and similarities as other libraries compute them.

    pip install torch-fidelity clean-fid scikit-image
    python tests/golden/make_distances.py

tests/metrics/test_{kernel_distance,frechet_distance,precision_recall,similarity}.py draw the same
features and images and compare.
"""

import json
from pathlib import Path

import numpy as np

#: Images of each set, values a feature, seed. The last has fewer images than values.
CASES = {"many": (300, 300, 8, 0), "uneven": (260, 180, 16, 1), "few": (40, 40, 64, 2)}
IMAGES = (4, 23, 31, 3)


def features(case: str) -> tuple[np.ndarray, np.ndarray]:
    """Real features, not negative, as those after a relu are, and others that differ somewhat."""
    count, others, width, seed = CASES[case]
    draw = np.random.default_rng(seed)
    mixing = draw.normal(0, 1, (width, width)) / np.sqrt(width)
    real = np.maximum(draw.normal(0.3, 1, (count, width)) @ mixing, 0)
    generated = np.maximum(draw.normal(0.5, 0.9, (others, width)) @ mixing, 0)
    return real, generated


def images() -> tuple[np.ndarray, np.ndarray]:
    """Smooth images in [-1, 1] and the same with noise, each pair with more."""
    draw = np.random.default_rng(3)
    rows, columns = np.linspace(0, 3, IMAGES[1]), np.linspace(0, 4, IMAGES[2])
    phases = draw.uniform(0, 6, (IMAGES[0], 1, 1, IMAGES[3]))
    clean = 0.7 * np.sin(rows[:, None, None] * columns[:, None] + phases)
    noise = draw.normal(0, 1, IMAGES) * np.array([0.02, 0.1, 0.3, 0.6])[:, None, None, None]
    return clean, np.clip(clean + noise, -1, 1)


def pixels() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pairs of 8-bit images: dark blobs and their negatives, textures and 12 levels brighter."""
    draw = np.random.default_rng(4)
    rows, columns = np.mgrid[-1:1:36j, -1:1:60j]
    places = draw.uniform(-0.3, 0.3, (5, 2, 1, 1))
    distances = (rows - places[:, 0]) ** 2 + (columns - places[:, 1]) ** 2
    blobs = np.rint(230 - 200 * np.exp(-6 * distances))[..., None].astype("uint8")
    textures = draw.integers(60, 180, (5, 36, 60, 1)).astype("uint8")
    return {"negatives": (blobs, 255 - blobs), "brighter": (textures, textures + np.uint8(12))}


def measure() -> dict:
    """The numbers."""
    numbers = {case: _distances(*features(case)) for case in CASES}
    return {**numbers, "images": _similarities(*images())}


def _distances(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    import torch
    from cleanfid import fid
    from torch_fidelity import metric_fid, metric_kid, metric_prc

    tensors = [torch.from_numpy(each) for each in (real, generated)]
    moments = [(each.mean(0), np.cov(each, rowvar=False)) for each in (real, generated)]
    statistics = [metric_fid.fid_features_to_statistics(each) for each in tensors]
    size = min(len(real), len(generated))
    # In torch-fidelity the first set is the generated one.
    shares = metric_prc.prc_features_to_metric(
        tensors[1], tensors[0], prc_neighborhood=3, prc_batch_size=100, verbose=False
    )

    def kid(subsets, subset_size):
        return metric_kid.kid_features_to_metric(
            *tensors, kid_subsets=subsets, kid_subset_size=subset_size, rng_seed=0, verbose=False
        )["kernel_inception_distance_mean"]

    return {
        "fid_torch_fidelity": metric_fid.fid_statistics_to_metric(*statistics, False)[
            "frechet_inception_distance"
        ],
        "fid_clean_fid": fid.frechet_distance(*moments[0], *moments[1]),
        # One subset of all images, where both sets have as many, is the same for everybody.
        "kid_whole_torch_fidelity": kid(1, size) if len(real) == len(generated) else None,
        "kid_whole_clean_fid": fid.kernel_distance(real, generated, 1, size)
        if len(real) == len(generated)
        else None,
        "kid_of_many_subsets": kid(3000, size // 2),
        "precision": shares["precision"],
        "recall": shares["recall"],
    }


def _similarities(clean: np.ndarray, noisy: np.ndarray) -> dict[str, list[float]]:
    from skimage import metrics

    # Of intensities from 0, as the formula has them.
    wang = {
        **{"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False},
        **{"data_range": 255, "channel_axis": -1},
    }
    pairs = list(zip(clean, noisy, strict=True))
    return {
        "ssim": [
            metrics.structural_similarity(127.5 * (a + 1), 127.5 * (b + 1), **wang)
            for a, b in pairs
        ],
        "ssim_of_pixels": {
            name: [metrics.structural_similarity(*pair, **wang) for pair in zip(*both, strict=True)]
            for name, both in pixels().items()
        },
        "psnr": [metrics.peak_signal_noise_ratio(*pair, data_range=2) for pair in pairs],
    }


if __name__ == "__main__":
    path = Path(__file__).with_name("distances.json")
    path.write_text(json.dumps(measure(), indent=1, default=float) + "\n")
    print(f"wrote {path}")
