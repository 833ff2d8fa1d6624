# SPDX-License-Identifier: Apache-2.0
"""The rivals: what a user would take instead of each operation.

Each rival is called the fastest way that its library offers. What a user would prepare once and
keep (maps, matrices, networks) is prepared outside the timed function. SciPy is imported only where
it is used, because the package does not need it.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from adaseg_fast.normalization import IMAGE_MEAN, IMAGE_STD

Array = NDArray[Any]
Size = tuple[int, int]

# SciPy's linear algebra gets one thread: with more, the many tiny systems solved here take longer,
# and griddata takes 20 times as long. OpenBLAS reads this variable when it is loaded, and other
# packages may load it too.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def scipy(part: str) -> Any:
    """Import a part of SciPy."""
    return importlib.import_module(f"scipy.{part}")


def torch_interpolate(scores: Tensor, size: Size) -> Tensor:
    """Bilinear scores, corners aligned as in the paper's sampling tensors, (1, C, H, W)."""
    return F.interpolate(scores, size=size, mode="bilinear", align_corners=True)


def torch_interpolate_argmax(scores: Tensor, size: Size) -> Tensor:
    """Labels as nearly every segmentation code computes them, (1, H, W) int64."""
    return torch_interpolate(scores, size).argmax(1)


def griddata(scores: Array, phi: Array, size: Size) -> Array:
    """The paper's own method, on Delaunay's triangulation of the points, (C, H, W) float64.

    Args:
        scores: (C, h, w).
        phi: (2, h, w).
        size: (H, W).
    """
    points = pixel_points(phi, size)
    rows, cols = np.mgrid[: size[0], : size[1]]
    values = scores.reshape(len(scores), -1).T
    found = scipy("interpolate").griddata(points, values, (rows, cols), method="linear")
    return np.asarray(np.moveaxis(found, -1, 0))


def pixel_points(phi: Array, size: Size) -> Array:
    """The points of ``phi`` (2, h, w) in pixels, (h * w, 2) float64."""
    return np.asarray(phi.reshape(2, -1).T.astype(np.float64) * (np.array(size) - 1))


def torch_sample(image: Tensor, phi: Tensor) -> Tensor:
    """Normalise in float, then take nearest pixels: on the CPU `F.grid_sample` takes no uint8."""
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (IMAGE_MEAN, IMAGE_STD))
    normalised = (image.float() - mean) / std
    at = 2 * phi.flip(1).permute(0, 2, 3, 1) - 1
    return F.grid_sample(normalised, at, mode="nearest", align_corners=True)


def opencv_maps(phi: Tensor, size: Size) -> Array:
    """The maps of ``phi`` for `opencv_sample`: columns and rows, (h, w, 2) int16.

    Maps rounded beforehand are the fastest form for nearest pixels.
    """
    rows, cols = (phi[0].double() * (torch.tensor(size)[:, None, None] - 1)).round().numpy()
    return np.stack([cols, rows], axis=-1).astype(np.int16)


def opencv_sample(image: Array, maps: Array) -> Array:
    """Nearest pixels of an (H, W, 3) image, not normalised, (h, w, 3)."""
    return np.asarray(cv2.remap(image, maps, np.empty(0, np.uint16), cv2.INTER_NEAREST))


def boundaries(labels: Array, classes: Sequence[int] | None = None) -> Array:
    """Pixels with a 4-neighbour of another label, in NumPy, (H, W) bool."""
    mask = np.zeros(labels.shape, bool)
    wanted = np.ones(labels.shape, bool) if classes is None else np.isin(labels, classes)
    down = (labels[1:] != labels[:-1]) & (wanted[1:] | wanted[:-1])
    along = (labels[:, 1:] != labels[:, :-1]) & (wanted[:, 1:] | wanted[:, :-1])
    mask[1:] |= down
    mask[:-1] |= down
    mask[:, 1:] |= along
    mask[:, :-1] |= along
    return mask


def distance_transform(labels: Array, size: Size, classes: Sequence[int] | None = None) -> Array:
    """The boundary pixel nearest to each point of the uniform grid, in pixels, (2, h, w) int32."""
    mask = boundaries(labels, classes)
    transform = scipy("ndimage").distance_transform_edt
    nearest = transform(~mask, return_distances=False, return_indices=True)
    rows, cols = grid_pixels(size, (labels.shape[0], labels.shape[1]))
    return np.asarray(nearest[:, rows[:, None], cols])


def grid_pixels(grid: Size, size: Size) -> tuple[Array, Array]:
    """Rows (h,) and columns (w,) of the pixels at the points of the uniform grid."""
    rows, cols = (np.rint(np.linspace(0, size[k] - 1, grid[k])).astype(int) for k in (0, 1))
    return rows, cols


def sampling_system(size: Size, lam: float = 1.0) -> tuple[Any, Array, Array]:
    """The sparse system of eq. (2) subject to eq. (3), both coordinates in one.

    Returns:
        The matrix over the unknowns (CSC); which coordinates are unknown, (2, h, w) bool; and the
        part of the right-hand side that does not depend on the targets.
    """
    sparse = scipy("sparse")
    h, w = size
    paths = [sparse.diags_array([[-1.0] * (n - 1), [1.0] * n], offsets=[-1, 0]) for n in (h, w)]
    steps = [path.tocsr()[1:] for path in paths]
    down = sparse.kron(steps[0], sparse.eye_array(w))
    along = sparse.kron(sparse.eye_array(h), steps[1])
    one = sparse.eye_array(h * w) + lam * (down.T @ down + along.T @ along)
    matrix = sparse.block_diag([one, one]).tocsc()
    unknown = np.ones((2, h, w), bool)
    unknown[0, [0, -1]] = unknown[1][:, [0, -1]] = False
    border = np.zeros((2, h, w))
    border[0, -1] = border[1, :, -1] = 1.0
    free = unknown.ravel()
    pull = -(matrix @ border.ravel())[free]
    return matrix[free][:, free], unknown, pull


def spsolve_each(targets: Array, system: tuple[Any, Array, Array]) -> Array:
    """The argmin of (2) subject to (3), one sparse solution per item, (N, 2, h, w) float64."""
    spsolve = scipy("sparse.linalg").spsolve
    matrix, unknown, pull = system
    solution = np.zeros(targets.shape)
    solution[:, 0, -1] = solution[:, 1, :, -1] = 1.0
    for item, wanted in zip(solution, targets, strict=True):
        item[unknown] = spsolve(matrix, wanted[unknown] + pull)
    return solution


@torch.inference_mode()
def stock_inference(segmenter: nn.Module, image: Tensor, grid: Size) -> Tensor:
    """A uniform pipeline of stock parts, from a uint8 image to labels, (1, H, W) int64."""
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) / 255 for x in (IMAGE_MEAN, IMAGE_STD))
    normalised = (image.float() / 255 - mean) / std
    small = F.interpolate(normalised, size=grid, mode="bilinear", antialias=False)
    scores = segmenter(small)
    size = (image.shape[2], image.shape[3])
    return F.interpolate(scores, size=size, mode="bilinear").argmax(1)
