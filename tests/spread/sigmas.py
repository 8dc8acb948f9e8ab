"""How far numbers may lie from what they should be: in standard errors."""

import numpy as np

FAR = 4.5


def near(found: np.ndarray, expected: float, slack: float = 0.0, far: float = FAR) -> None:
    """The mean of independent numbers is as expected; `slack` is what a finite population adds."""
    found = np.asarray(found, float)
    error = found.std(ddof=1) / len(found) ** 0.5
    assert abs(found.mean() - expected) <= far * error + slack, (found.mean(), expected, error)


def shares(counts: np.ndarray, chances: np.ndarray) -> None:
    """Every outcome of independent trials is as frequent as it is probable; what cannot be never is."""
    counts, chances = np.asarray(counts), np.asarray(chances)
    trials = counts.sum()
    error = np.sqrt(np.maximum(chances * (1 - chances) * trials, 0))
    assert (np.abs(counts - chances * trials) <= FAR * error + 1e-6).all(), (counts / trials, chances)


def alike(one: np.ndarray, other: np.ndarray) -> None:
    """Two samples have the same mean and the same variance."""
    one, other = np.asarray(one, float), np.asarray(other, float)
    differ(one, other)
    differ((one - one.mean()) ** 2, (other - other.mean()) ** 2)


def differ(one: np.ndarray, other: np.ndarray) -> None:
    error = np.hypot(one.std(ddof=1) / len(one) ** 0.5, other.std(ddof=1) / len(other) ** 0.5)
    assert abs(one.mean() - other.mean()) <= FAR * error + 1e-9, (one.mean(), other.mean(), error)
