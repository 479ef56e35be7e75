"""A measured value and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, norm

#: 95 % of a normal distribution lies within this many standard deviations of its mean.
NORMAL_QUANTILE = float(norm.ppf(0.975))
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

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the interval.

        Raises:
            ValueError: If there is no interval.

        Example:
            >>> Estimate(0.0123, 0.01, 0.014).interval
            (0.01, 0.014)
        """
        if self.low is None or self.high is None:
            raise ValueError(
                f"The estimate {self} has no interval, `low` and `high`, and so cannot be judged "
                "by it. Measure on more images."
            )
        return self.low, self.high

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

    @classmethod
    def of_share(cls, count: int, total: int, design_effect: float = 1.0) -> Estimate:
        """The share of items that have a property, with its Wilson interval (Wilson 1927).

        The interval has a width at 0 and 1 too.

        Args:
            count: How many items have it, from 0 to `total`.
            total: How many items there are, at least one.
            design_effect: By how much the variance is larger than that of independent items (Kish
                1965): with 2, an item counts half.

        Raises:
            ValueError: Counts or a design effect outside their range.

        Example:
            >>> str(Estimate.of_share(50, 50))
            '1.00 (0.93 to 1.00)'
        """
        if not 0 <= count <= total or total < 1 or not design_effect > 0:
            raise ValueError(
                "A share needs 0 <= count <= total, total >= 1 and design_effect > 0. Received: "
                f"count={count!r}, total={total!r}, design_effect={design_effect!r}."
            )
        # Wilson's bounds p solve (share - p)^2 = z^2 p (1 - p) / n: to divide n by the design
        # effect is to multiply z by its root.
        confidence = 2 * norm.cdf(NORMAL_QUANTILE * np.sqrt(design_effect)) - 1
        interval = binomtest(int(count), int(total)).proportion_ci(confidence, method="wilson")
        return cls(count / total, float(interval.low), float(interval.high))
