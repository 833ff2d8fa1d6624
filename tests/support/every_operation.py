# SPDX-License-Identifier: Apache-2.0
"""One call of every operation on NumPy arrays, large enough for several threads to share it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaseg_fast import backends
from support.grids import cover

Results = list[NDArray[Any]]

SIZE = (90, 80)


def results(seed: int = 0, *, threads: int) -> Results:
    """What every operation returns for random inputs.

    Args:
        seed: chooses the inputs. Grids of odd seeds cover the image.
        threads: the number that each operation may use.
    """
    rng = np.random.default_rng(seed)
    phi = rng.random((3, 2, 6, 5))
    if seed % 2:
        phi = cover(phi)
    scores = rng.normal(size=(3, 4, 6, 5))
    image = rng.integers(0, 256, (3, 40, 30, 30), np.uint8)
    labels = rng.integers(0, 3, (3, 300, 300), np.uint8)
    to_scores, to_phi = np.empty_like(scores), np.empty_like(phi)
    grad = rng.normal(size=(3, 4, *SIZE))
    backends.kernels().interpolate_backward(grad, scores, phi, to_scores, to_phi, 0, threads)
    return [
        to_scores,
        to_phi,
        backends.sample(image, phi, threads=threads),
        backends.triangles(phi, SIZE, threads=threads),
        *backends.rasterize(phi, SIZE, threads=threads),
        backends.interpolate(scores, phi, SIZE, threads=threads),
        backends.interpolate_argmax(scores, phi, SIZE, threads=threads),
        backends.boundary_mask(labels, threads=threads),
        backends.nearest_boundary(labels, (4, 4), threads=threads),
        backends.solve_sampling(phi, 0.1 * (1 + seed % 3), threads=threads),
    ]


def same(results: Results, expected: Results) -> bool:
    """Whether all results are equal bit for bit."""
    return all(a.tobytes() == b.tobytes() for a, b in zip(results, expected, strict=True))
