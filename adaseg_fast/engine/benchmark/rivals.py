# SPDX-License-Identifier: Apache-2.0
"""What the operations are measured on, and what a user would take instead of them.

Inputs come from a drawn street scene. Score maps imitate a trained network: the scene's labels at
the points of its ideal sampling tensor, confident inside of things, blurred at their boundaries,
with a little noise. Pure noise is the other extreme, which no network gives.

Rivals are called the fastest way their library offers; whatever a user would prepare once and keep
(maps, matrices, networks) is prepared outside of the timed function. SciPy is imported where it is
used: the package does not need it.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from adaseg_fast import ops
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.nn import AdaptiveDownsampler, AdaptiveSegmenter, DoubleUNet, UNet
from adaseg_fast.nn.downsample import IMAGE_MEAN, IMAGE_STD

Array = NDArray[Any]
Size = tuple[int, int]

# One thread for SciPy's linear algebra: more slow down the many tiny systems solved here, griddata
# 20 x. Its OpenBLAS reads this when it is loaded, which other packages may cause as well.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

TENSOR_SIZE = (8, 8)
TARGETS = SyntheticScenes.info.targets
_AUX_SIZE = (32, 32)


class Problem(NamedTuple):
    """The sizes of a comparison.

    Attributes:
        classes: number of scores a point.
        grid: (h, w), the working size.
        size: (H, W) of the image.
        seed: of the scene, the noise and the networks.
    """

    classes: int = 19
    grid: Size = (128, 128)
    size: Size = (1024, 2048)
    seed: int = 0


# --- Inputs ---------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def scene(size: Size, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Image (1, 3, H, W) uint8, interleaved as decoders give it, and labels (1, H, W) uint8."""
    frame = SyntheticScenes(1, seed=seed, size=size, split="demo")[0]
    image, labels = torch.from_numpy(frame.image), torch.from_numpy(frame.labels)
    return image.permute(2, 0, 1)[None], labels[None]


def ideal_grid(problem: Problem) -> Tensor:
    """The sampling tensor that the scene asks for (eq. 2), at the working size: (1, 2, h, w)."""
    _, labels = scene(problem.size, problem.seed)
    nearest = ops.nearest_boundary(labels, TENSOR_SIZE, classes=TARGETS)
    return ops.resize_sampling_tensor(ops.solve_sampling(nearest), problem.grid)


def network_scores(problem: Problem, phi: Tensor) -> Tensor:
    """Scores like a trained network's at the points of ``phi``: (1, C, h, w) float32, contiguous.

    8 times the one-hot labels, blurred with 1-2-1 in both directions, plus 0.3 times normal noise.
    The scene has 11 classes: more are made by giving the right half of the picture labels of its
    own (one straight boundary in all, 22 classes at most), fewer by taking labels together.
    """
    _, labels = scene(problem.size, problem.seed)
    small = ops.sample(labels[None], phi)[0].long()
    known = len(SyntheticScenes.info.classes)
    half = small.shape[2] // 2
    small[:, :, half:] += known * (small[:, :, half:] + known < problem.classes)
    confident = F.one_hot(small % problem.classes, problem.classes).permute(0, 3, 1, 2).float()
    kernel = torch.tensor([1.0, 2.0, 1.0]) / 4
    blur = (kernel[:, None] * kernel).expand(problem.classes, 1, 3, 3)
    padded = F.pad(confident, (1, 1, 1, 1), mode="replicate")
    blurred = F.conv2d(padded, blur, groups=problem.classes)
    return (8 * blurred + 0.3 * noise_scores(problem)).contiguous()


def noise_scores(problem: Problem) -> Tensor:
    """Normal noise, (1, C, h, w) float32."""
    generator = torch.Generator().manual_seed(problem.seed)
    return torch.randn((1, problem.classes, *problem.grid), generator=generator)


def affine_scores(problem: Problem) -> Tensor:
    """Scores affine in the position on the uniform grid, which every interpolation reproduces.

    Of 5 classes at most: (1, C, h, w) float32.
    """
    generator = torch.Generator().manual_seed(problem.seed)
    classes = min(problem.classes, 5)
    slopes = torch.randn((classes, 2), generator=generator)
    shift = torch.randn((classes, 1, 1), generator=generator)
    grid = ops.uniform_sampling_tensor(problem.grid)[0]
    return (torch.einsum("ck,khw->chw", slopes, grid) + shift)[None]


def adaptive_model(problem: Problem) -> AdaptiveSegmenter:
    """The paper's networks around our operations, in evaluation mode.

    Untrained, but for the last layer of the auxiliary network: drawn instead of zero, it gives a
    grid that is not uniform.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(problem.seed)
        sampler = DoubleUNet(TENSOR_SIZE, input_size=_AUX_SIZE)
        nn.init.normal_(sampler.offset.weight, std=0.001)
        segmenter = UNet(problem.classes)
    downsampler = AdaptiveDownsampler(sampler, _AUX_SIZE, problem.grid)
    return AdaptiveSegmenter(segmenter, downsampler).eval()


# --- Rivals ---------------------------------------------------------------------------------------


def scipy(part: str) -> Any:
    """Import a part of SciPy."""
    return importlib.import_module(f"scipy.{part}")


def torch_interpolate(scores: Tensor, size: Size) -> Tensor:
    """Bilinear, corners aligned as in the paper's sampling tensors: (1, C, H, W)."""
    return F.interpolate(scores, size=size, mode="bilinear", align_corners=True)


def torch_interpolate_argmax(scores: Tensor, size: Size) -> Tensor:
    """Labels as nearly every segmentation code gets them: (1, H, W) int64."""
    return torch_interpolate(scores, size).argmax(1)


def griddata(scores: Array, phi: Array, size: Size) -> Array:
    """The paper's own method: Delaunay's triangulation of the points, (C, H, W) float64.

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
    """To float, normalise, nearest pixels: `F.grid_sample` knows no uint8 on the CPU."""
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (IMAGE_MEAN, IMAGE_STD))
    normalised = (image.float() - mean) / std
    at = 2 * phi.flip(1).permute(0, 2, 3, 1) - 1
    return F.grid_sample(normalised, at, mode="nearest", align_corners=True)


def opencv_maps(phi: Tensor, size: Size) -> Array:
    """What `opencv_sample` wants to know of ``phi``: columns and rows, (h, w, 2) int16.

    The form of maps that is the fastest for nearest pixels: rounded beforehand.
    """
    rows, cols = (phi[0].double() * (torch.tensor(size)[:, None, None] - 1)).round().numpy()
    return np.stack([cols, rows], axis=-1).astype(np.int16)


def opencv_sample(image: Array, maps: Array) -> Array:
    """Nearest pixels of an (H, W, 3) image, not normalised: (h, w, 3)."""
    return np.asarray(cv2.remap(image, maps, np.empty(0, np.uint16), cv2.INTER_NEAREST))


def boundaries(labels: Array, classes: Sequence[int] | None = None) -> Array:
    """Pixels with a 4-neighbour of another label, in NumPy: (H, W) bool."""
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
    """Nearest boundary pixel to each point of the uniform grid, in pixels: (2, h, w) int32."""
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
        The matrix over the unknowns (CSC), which coordinates are unknown, (2, h, w) bool, and the
        right-hand side's part that does not depend on the targets.
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
    """argmin of (2) subject to (3) by one sparse solution an item: (N, 2, h, w) float64."""
    spsolve = scipy("sparse.linalg").spsolve
    matrix, unknown, pull = system
    solution = np.zeros(targets.shape)
    solution[:, 0, -1] = solution[:, 1, :, -1] = 1.0
    for item, wanted in zip(solution, targets, strict=True):
        item[unknown] = spsolve(matrix, wanted[unknown] + pull)
    return solution


@torch.inference_mode()
def stock_inference(segmenter: nn.Module, image: Tensor, grid: Size) -> Tensor:
    """A uniform pipeline of stock parts: uint8 image to labels, (1, H, W) int64."""
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) / 255 for x in (IMAGE_MEAN, IMAGE_STD))
    normalised = (image.float() / 255 - mean) / std
    small = F.interpolate(normalised, size=grid, mode="bilinear", antialias=False)
    scores = segmenter(small)
    size = (image.shape[2], image.shape[3])
    return F.interpolate(scores, size=size, mode="bilinear").argmax(1)
