"""Intervals of shares."""

import numpy as np

Z = 1.959963984540054  # 95 % of a normal distribution lies within this many standard deviations


def wilson(share: float, count: float) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927), which has a width at 0 and 1 too.

    Args:
        share: What was found, from 0 to 1.
        count: In so many independent trials.
    """
    middle = share + Z**2 / (2 * count)
    reach = Z * np.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    whole = 1 + Z**2 / count
    return float(max((middle - reach) / whole, 0.0)), float(min((middle + reach) / whole, 1.0))
