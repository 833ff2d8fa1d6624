# SPDX-License-Identifier: Apache-2.0
"""What a backend is: the kernels' names, arguments and meaning, for every implementation.

A kernel fills arrays that the caller made; it allocates and returns nothing. The callers are the
NumPy face (``numpy_api``) and the torch face (``adaseg_fast.ops``), which have checked shapes and
types (``specs``). Arrays are NumPy arrays. The compiled kernels also take tuples (address, type
number, shape, strides in elements), and the CUDA kernels take nothing else. Inputs may have any
strides; outputs are C-contiguous and need not be initialised. Every kernel that reads ``phi`` on
the CPU raises ``ValueError`` where it holds NaN or infinity.

Letters: N items, C channels or classes, H x W pixels, h x w points of the sampling grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class DeviceKernels(Protocol):
    """The kernels that exist on every device.

    Arguments that recur:
        phi: (N, 2, h, w) floating point, relative (row, column).
        diagonal: Number of a rule in ``specs.DIAGONALS``.
        threads: The most threads to use. CUDA kernels ignore it.
    """

    def sample(
        self,
        image: Any,
        phi: Any,
        out: Any,
        mean: Sequence[float],
        std: Sequence[float],
        threads: int,
    ) -> None:
        """Fill ``out`` (N, C, h, w) with the nearest pixels of ``image`` (N, C, H, W), eq. (1).

        ``mean`` and ``std`` hold one number per channel, and ``out`` becomes (x - mean) / std in
        float64 for a float64 image, else float32. Where both are empty ``out`` has the type of
        ``image``.
        """

    def sample_backward(
        self, grad: Any, phi: Any, grad_image: Any, std: Sequence[float], threads: int
    ) -> None:
        """Fill ``grad_image`` (N, C, H, W) from ``grad`` (N, C, h, w): the transpose of ``sample``.

        Each gradient is divided by its channel's ``std`` (not where that is empty) and added to its
        pixel; pixels that no point took get 0.
        """

    def triangles(
        self, phi: Any, out: Any, height: int, width: int, diagonal: int, threads: int
    ) -> None:
        """Fill ``out`` (N, T, 3) int64 with vertex numbers, for an image of height x width."""

    def rasterize(self, phi: Any, faces: Any, weights: Any, diagonal: int, threads: int) -> None:
        """Fill ``faces`` (N, H, W) int32 with each pixel's owner, -1 where there is none.

        ``weights`` (N, 3, H, W), float64 for a float64 ``phi``, else float32, gets the barycentric
        weights of the owner's corners, 0 where there is none.
        """

    def interpolate(self, scores: Any, phi: Any, out: Any, diagonal: int, threads: int) -> None:
        """Fill ``out`` (N, C, H, W) from ``scores`` (N, C, h, w) of the same type (sec. 3.3).

        A pixel that no triangle owns gets 0. Others get a value in the range of their triangle's
        corners. Of the corners whose weight is not 0 a NaN makes the value NaN, else -inf makes it
        -inf, else +inf makes it +inf.
        """

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
        """Fill the gradients of ``interpolate`` from ``grad`` (N, C, H, W).

        ``grad_scores`` (N, C, h, w) and ``grad_phi`` (N, 2, h, w) have the types of ``scores`` and
        ``phi``; each may be None, and is not computed then.
        """

    def interpolate_argmax(
        self, scores: Any, phi: Any, out: Any, diagonal: int, threads: int
    ) -> None:
        """Fill ``out`` (N, H, W) with the class of the highest interpolated score.

        ``out`` is uint8, or int32 above 256 classes. A pixel that no triangle owns gets 255, or -1
        in int32. NaN never wins; where every class is NaN the label is 0. A single channel is one
        class here: callers that mean a logit hand over two (``logit.two_classes``).
        """

    def boundary_mask(
        self,
        labels: Any,
        out: Any,
        classes: Sequence[int] | None,
        ignore_index: int,
        threads: int,
    ) -> None:
        """Fill ``out`` (N, H, W) bool: which pixels of ``labels`` (N, H, W) lie on a boundary.

        ``classes`` are the target classes, None for all; labels of ``ignore_index`` have no
        boundary.
        """

    def nearest_boundary(
        self,
        labels: Any,
        out: Any,
        classes: Sequence[int] | None,
        ignore_index: int,
        threads: int,
    ) -> None:
        """Fill ``out`` (N, 2, h, w) float32 with b(u) of eq. (2), relative (row, column)."""


class Kernels(DeviceKernels, Protocol):
    """A backend: all kernels of the CPU. Each of ``select.BACKENDS`` is a module with them."""

    def solve_sampling(
        self, targets: Any, out: Any, lam: float, homogeneous: bool, threads: int
    ) -> None:
        """Fill ``out`` (N, 2, h, w) with the minimiser of eq. (2) subject to eq. (3).

        ``targets`` (N, 2, h, w), of the same type, is b(u); ``lam`` is lambda. With ``homogeneous``
        the fixed borders are all 0, which gives the linear part of the solution. (On CUDA devices
        ``adaseg_fast.ops`` solves with torch's matrix products.)
        """
