"""A measured value and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A measured value with its 95 % interval.

    Attributes:
        value: What was measured.
        low: Lower end of the interval; None where there is none.
        high: Upper end.

    Example:
        >>> str(Estimate(0.0123, 0.01, 0.014))
        '0.012 (0.010 to 0.014)'
        >>> str(Estimate(2.0))
        '2'
    """

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """The value with the decimals that its interval leaves sense, and that in brackets.

        The last decimal is at most a third of the interval. Without an interval it is three digits.
        """
        if self.low is None or self.high is None:
            return f"{self.value:.3g}"
        width = self.high - self.low
        if not 0 < width < np.inf:
            return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"
        decimals = max(0, int(np.ceil(np.log10(3 / width))))
        value, low, high = (f"{x:z.{decimals}f}" for x in (self.value, self.low, self.high))
        return f"{value} ({low} to {high})"

    @classmethod
    def of_mean(cls, values: np.ndarray, seed: int = 0) -> Estimate:
        """The mean of independent values, with a percentile bootstrap interval (Efron 1979).

        Args:
            values: One value an item, shape `(n,)`, at least one.
            seed: Of the resampling.

        Raises:
            ValueError: Values of another shape, none, or some that are not finite.
        """
        values = np.asarray(values, "float64")
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
            raise ValueError(
                "`values` must be a list of finite numbers, at least one. Received the shape "
                f"{values.shape}."
            )
        draw = np.random.default_rng(seed)
        means = [
            values[draw.integers(0, len(values), len(values))].mean() for _ in range(_RESAMPLES)
        ]
        low, high = np.percentile(means, [2.5, 97.5])
        return cls(float(values.mean()), float(low), float(high))
