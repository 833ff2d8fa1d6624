# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence
from typing import Any

__version__: str
openmp: bool
instruction_set: str

def sample(
    image: Any, phi: Any, out: Any, mean: Sequence[float], std: Sequence[float], threads: int
) -> None: ...
def sample_backward(
    grad: Any, phi: Any, grad_image: Any, std: Sequence[float], threads: int
) -> None: ...
def triangles(phi: Any, out: Any, height: int, width: int, diagonal: int, threads: int) -> None: ...
def rasterize(phi: Any, faces: Any, weights: Any, diagonal: int, threads: int) -> None: ...
def interpolate(scores: Any, phi: Any, out: Any, diagonal: int, threads: int) -> None: ...
def interpolate_backward(
    grad: Any,
    scores: Any,
    phi: Any,
    grad_scores: Any | None,
    grad_phi: Any | None,
    diagonal: int,
    threads: int,
) -> None: ...
def interpolate_argmax(scores: Any, phi: Any, out: Any, diagonal: int, threads: int) -> None: ...
def boundary_mask(
    labels: Any, out: Any, classes: Sequence[int] | None, ignore_index: int, threads: int
) -> None: ...
def nearest_boundary(
    labels: Any, out: Any, classes: Sequence[int] | None, ignore_index: int, threads: int
) -> None: ...
def solve_sampling(targets: Any, out: Any, lam: float, homogeneous: bool, threads: int) -> None: ...
