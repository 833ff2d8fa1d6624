# SPDX-License-Identifier: Apache-2.0
"""Signatures of the compiled module; csrc/bindings says what the functions do.

An array is a NumPy array or an ``Address``. ``tests/native/test_stub.py`` compares this file with
the module.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, type_check_only

from numpy.typing import NDArray

# (address, number of the type in `dtypes`, shape, strides in elements)
Address: TypeAlias = tuple[int, int, tuple[int, ...], tuple[int, ...]]
Array: TypeAlias = NDArray[Any] | Address

__version__: str
openmp: bool
dtypes: dict[str, int]
cuda: CudaModule  # only where the CUDA kernels were built

def sample(
    image: Array, phi: Array, out: Array, mean: Sequence[float], std: Sequence[float], threads: int
) -> None: ...
def sample_backward(
    grad: Array, phi: Array, grad_image: Array, std: Sequence[float], threads: int
) -> None: ...
def triangles(
    phi: Array, out: Array, height: int, width: int, diagonal: int, threads: int
) -> None: ...
def rasterize(phi: Array, faces: Array, weights: Array, diagonal: int, threads: int) -> None: ...
def interpolate(scores: Array, phi: Array, out: Array, diagonal: int, threads: int) -> None: ...
def interpolate_backward(
    grad: Array,
    scores: Array,
    phi: Array,
    grad_scores: Array | None,
    grad_phi: Array | None,
    diagonal: int,
    threads: int,
) -> None: ...
def interpolate_argmax(
    scores: Array, phi: Array, out: Array, diagonal: int, threads: int
) -> None: ...
def boundary_mask(
    labels: Array, out: Array, classes: Sequence[int] | None, ignore_index: int, threads: int
) -> None: ...
def nearest_boundary(
    labels: Array, out: Array, classes: Sequence[int] | None, ignore_index: int, threads: int
) -> None: ...
def solve_sampling(
    targets: Array, out: Array, lam: float, homogeneous: bool, threads: int
) -> None: ...
def cpu_targets() -> list[str]: ...
def cpu_target() -> str: ...
def set_cpu_target(name: str) -> None: ...

@type_check_only
class CudaModule(Protocol):
    """The submodule ``cuda``; its arrays lie on the device."""

    toolkit: str
    architectures: str

    def sample(
        self,
        image: Array,
        phi: Array,
        out: Array,
        mean: Sequence[float],
        std: Sequence[float],
        device: int,
        stream: int,
    ) -> None: ...
    def sample_keys(
        self, phi: Array, keys: Array, height: int, width: int, device: int, stream: int
    ) -> None: ...
    def sample_backward(
        self,
        grad: Array,
        keys: Array,
        order: Array,
        grad_image: Array,
        std: Sequence[float],
        device: int,
        stream: int,
    ) -> None: ...
    def triangles(
        self,
        phi: Array,
        out: Array,
        height: int,
        width: int,
        diagonal: int,
        device: int,
        stream: int,
    ) -> None: ...
    def rasterize_workspace(self, phi: Array) -> int: ...
    def rasterize(
        self,
        phi: Array,
        faces: Array,
        weights: Array,
        workspace: Array,
        diagonal: int,
        device: int,
        stream: int,
    ) -> None: ...
    def interpolate_workspace(self, phi: Array, height: int, width: int) -> int: ...
    def interpolate(
        self,
        scores: Array,
        phi: Array,
        out: Array,
        workspace: Array,
        diagonal: int,
        device: int,
        stream: int,
    ) -> None: ...
    def interpolate_backward_workspace(self, grad: Array, phi: Array) -> int: ...
    def interpolate_backward(
        self,
        grad: Array,
        scores: Array,
        phi: Array,
        grad_scores: Array | None,
        grad_phi: Array | None,
        workspace: Array,
        diagonal: int,
        device: int,
        stream: int,
    ) -> None: ...
    def interpolate_argmax_workspace(self, phi: Array, height: int, width: int) -> int: ...
    def interpolate_argmax(
        self,
        scores: Array,
        phi: Array,
        out: Array,
        workspace: Array,
        diagonal: int,
        device: int,
        stream: int,
    ) -> None: ...
    def boundary_mask(
        self,
        labels: Array,
        out: Array,
        classes: Sequence[int] | None,
        ignore_index: int,
        device: int,
        stream: int,
    ) -> None: ...
    def nearest_boundary_workspace(self, labels: Array) -> int: ...
    def nearest_boundary(
        self,
        labels: Array,
        out: Array,
        workspace: Array,
        classes: Sequence[int] | None,
        ignore_index: int,
        device: int,
        stream: int,
    ) -> None: ...
