# SPDX-License-Identifier: Apache-2.0
"""The CUDA kernels, with the names and arguments of ``protocol.DeviceKernels``.

Tensors on a CUDA device always come here, so this is not a backend to choose. Arrays are tuples
(address, type number, shape, strides in elements). Memory that a kernel needs beside its outputs
comes from a ``Scratch``. Its implementation uses torch, so this module does not need to.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from adaseg_fast._native import Address, CudaModule

NOT_BUILT = (
    "this installation of adaseg_fast has no CUDA kernels, so it cannot compute on tensors on a "
    "CUDA device. Build it where CUDA's compiler is found (nvcc on the PATH, or named in "
    "CUDACXX): "
    "ADASEG_CUDA=ON pip install --no-binary adaseg-fast --force-reinstall --no-deps adaseg-fast, "
    "or `ADASEG_CUDA=ON pip install .` in the source tree; or move the tensors to the CPU."
)


@cache
def native_module() -> CudaModule:
    """Return the module of compiled CUDA kernels.

    Raises:
        RuntimeError: They were not built.
    """
    try:
        from adaseg_fast._native import cuda
    except ImportError:
        raise RuntimeError(NOT_BUILT) from None
    return cuda


class Scratch(Protocol):
    """Where a call runs, and its memory, which must outlive the call."""

    device: int
    stream: int

    def space(self, count: int) -> Address:
        """Allocate ``count`` bytes, aligned to 256, as an array."""

    def keys(self, count: int) -> Any:
        """Allocate ``count`` int64 numbers, in a form that ``array`` and ``sort`` take."""

    def array(self, keys: Any) -> Address:
        """Return such numbers as an array."""

    def sort(self, keys: Any) -> tuple[Any, Any]:
        """Return the numbers in ascending order, and their former places; the sort is stable."""


class CudaKernels:
    """The kernels, launched on one device and stream. ``threads`` is not used."""

    def __init__(self, native: CudaModule, scratch: Scratch) -> None:
        self._native = native
        self._scratch = scratch
        self._where = (scratch.device, scratch.stream)

    def sample(
        self,
        image: Address,
        phi: Address,
        out: Address,
        mean: Sequence[float],
        std: Sequence[float],
        threads: int,
    ) -> None:
        self._native.sample(image, phi, out, mean, std, *self._where)

    def sample_backward(
        self, grad: Address, phi: Address, grad_image: Address, std: Sequence[float], threads: int
    ) -> None:
        """Sort the points by pixel, so that each pixel's sum has a fixed order."""
        (_address, _type, (items, _two, h, w), _strides), scratch = phi, self._scratch
        keys = scratch.keys(items * h * w)
        height, width = grad_image[2][2:]
        self._native.sample_keys(phi, scratch.array(keys), height, width, *self._where)
        keys, order = (scratch.array(x) for x in scratch.sort(keys))
        self._native.sample_backward(grad, keys, order, grad_image, std, *self._where)

    def triangles(
        self, phi: Address, out: Address, height: int, width: int, diagonal: int, threads: int
    ) -> None:
        self._native.triangles(phi, out, height, width, diagonal, *self._where)

    def rasterize(
        self, phi: Address, faces: Address, weights: Address, diagonal: int, threads: int
    ) -> None:
        space = self._scratch.space(self._native.rasterize_workspace(phi))
        self._native.rasterize(phi, faces, weights, space, diagonal, *self._where)

    def interpolate(
        self, scores: Address, phi: Address, out: Address, diagonal: int, threads: int
    ) -> None:
        space = self._scratch.space(self._native.interpolate_workspace(phi, *out[2][2:]))
        self._native.interpolate(scores, phi, out, space, diagonal, *self._where)

    def interpolate_backward(
        self,
        grad: Address,
        scores: Address,
        phi: Address,
        grad_scores: Address | None,
        grad_phi: Address | None,
        diagonal: int,
        threads: int,
    ) -> None:
        space = self._scratch.space(self._native.interpolate_backward_workspace(grad, phi))
        self._native.interpolate_backward(
            grad, scores, phi, grad_scores, grad_phi, space, diagonal, *self._where
        )

    def interpolate_argmax(
        self, scores: Address, phi: Address, out: Address, diagonal: int, threads: int
    ) -> None:
        space = self._scratch.space(self._native.interpolate_argmax_workspace(phi, *out[2][1:]))
        self._native.interpolate_argmax(scores, phi, out, space, diagonal, *self._where)

    def boundary_mask(
        self,
        labels: Address,
        out: Address,
        classes: Sequence[int] | None,
        ignore_index: int,
        threads: int,
    ) -> None:
        self._native.boundary_mask(labels, out, classes, ignore_index, *self._where)

    def nearest_boundary(
        self,
        labels: Address,
        out: Address,
        classes: Sequence[int] | None,
        ignore_index: int,
        threads: int,
    ) -> None:
        space = self._scratch.space(self._native.nearest_boundary_workspace(labels))
        self._native.nearest_boundary(labels, out, space, classes, ignore_index, *self._where)
