# SPDX-License-Identifier: Apache-2.0
"""The CUDA kernels, with the names and arguments of ``protocol.DeviceKernels``.

This is no backend to choose: tensors on a CUDA device always come here. Arrays are tuples (address,
type number, shape, strides in elements). Memory for intermediate results comes from ``Scratch``,
which torch's face implements, so that this module needs no torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

NOT_BUILT = (
    "this installation of adaseg_fast has no CUDA kernels, so it cannot compute on tensors on a "
    "CUDA device. Build it where CUDA's compiler is found (nvcc on the PATH, or named in CUDACXX): "
    "ADASEG_CUDA=ON pip install --no-binary adaseg-fast --force-reinstall --no-deps adaseg-fast, "
    "or `ADASEG_CUDA=ON pip install .` in the source tree; or move the tensors to the CPU."
)


@cache
def native_module() -> Any:
    """The module of compiled CUDA kernels; RuntimeError where they were not built."""
    try:
        return importlib.import_module("adaseg_fast._native").cuda
    except (ImportError, AttributeError):
        raise RuntimeError(NOT_BUILT) from None


class Scratch(Protocol):
    """Device, stream and memory of one call; the memory must live until the call returns."""

    device: int
    stream: int

    def space(self, count: int) -> Any:
        """``count`` bytes, aligned to 256, as an array."""

    def keys(self, count: int) -> Any:
        """``count`` int64 numbers, in a form that ``array`` and ``sort`` take."""

    def array(self, keys: Any) -> Any:
        """Such numbers as an array."""

    def sort(self, keys: Any) -> tuple[Any, Any]:
        """The numbers in ascending order and their former places; equal ones keep their order."""


class CudaKernels:
    """The kernels, launched on one device and stream; ``threads`` is ignored."""

    def __init__(self, native: Any, scratch: Scratch) -> None:
        self._native = native
        self._scratch = scratch
        self._where = (scratch.device, scratch.stream)

    def sample(
        self,
        image: Any,
        phi: Any,
        out: Any,
        mean: Sequence[float],
        std: Sequence[float],
        threads: int,
    ) -> None:
        self._native.sample(image, phi, out, mean, std, *self._where)

    def sample_backward(
        self, grad: Any, phi: Any, grad_image: Any, std: Sequence[float], threads: int
    ) -> None:
        """Sort the points by their pixels, so that each pixel's sum has a fixed order."""
        (_address, _type, (items, _two, h, w), _strides), scratch = phi, self._scratch
        keys = scratch.keys(items * h * w)
        height, width = grad_image[2][2:]
        self._native.sample_keys(phi, scratch.array(keys), height, width, *self._where)
        keys, order = (scratch.array(x) for x in scratch.sort(keys))
        self._native.sample_backward(grad, keys, order, grad_image, std, *self._where)

    def triangles(
        self, phi: Any, out: Any, height: int, width: int, diagonal: int, threads: int
    ) -> None:
        self._native.triangles(phi, out, height, width, diagonal, *self._where)

    def rasterize(self, phi: Any, faces: Any, weights: Any, diagonal: int, threads: int) -> None:
        space = self._scratch.space(self._native.rasterize_workspace(phi))
        self._native.rasterize(phi, faces, weights, space, diagonal, *self._where)

    def interpolate(self, scores: Any, phi: Any, out: Any, diagonal: int, threads: int) -> None:
        space = self._scratch.space(self._native.interpolate_workspace(phi, *out[2][2:]))
        self._native.interpolate(scores, phi, out, space, diagonal, *self._where)

    def interpolate_backward(
        self,
        grad: Any,
        scores: Any,
        phi: Any,
        grad_scores: Any | None,
        grad_phi: Any | None,
        diagonal: int,
        threads: int,
    ) -> None:
        space = self._scratch.space(self._native.interpolate_backward_workspace(grad, phi))
        self._native.interpolate_backward(
            grad, scores, phi, grad_scores, grad_phi, space, diagonal, *self._where
        )

    def interpolate_argmax(
        self, scores: Any, phi: Any, out: Any, diagonal: int, threads: int
    ) -> None:
        space = self._scratch.space(self._native.interpolate_argmax_workspace(phi, *out[2][1:]))
        self._native.interpolate_argmax(scores, phi, out, space, diagonal, *self._where)

    def boundary_mask(
        self, labels: Any, out: Any, classes: Sequence[int] | None, ignore_index: int, threads: int
    ) -> None:
        self._native.boundary_mask(labels, out, classes, ignore_index, *self._where)

    def nearest_boundary(
        self, labels: Any, out: Any, classes: Sequence[int] | None, ignore_index: int, threads: int
    ) -> None:
        space = self._scratch.space(self._native.nearest_boundary_workspace(labels))
        self._native.nearest_boundary(labels, out, space, classes, ignore_index, *self._where)
