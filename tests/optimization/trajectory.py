"""The parameters that a step function leads through."""

import numpy as np

from tests.checks import to_numpy


def path(step, slope, start, steps, state=None, **options):
    """Return the parameters at the start and after each step, as NumPy's."""
    theta, rows = start, [to_numpy(start)]
    for _ in range(steps):
        theta, state = step(theta, slope(theta), state, **options)
        rows.append(to_numpy(theta))
    return np.stack(rows)
