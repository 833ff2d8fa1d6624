# SPDX-License-Identifier: Apache-2.0
"""The inputs of the benchmark: a drawn scene, scores and models of the sizes of a problem.

The images are drawn street scenes. Score maps imitate a trained network: they are the scene's
labels at the points of its ideal sampling tensor, confident inside things, blurred at boundaries,
with a little noise. Pure noise is the other extreme; no trained network gives such scores.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adaseg_fast import ops
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.nn import AdaptiveDownsampler, AdaptiveSegmenter, DoubleUNet, UNet

Size = tuple[int, int]

TENSOR_SIZE = (8, 8)
TARGETS = SyntheticScenes.info.targets
_VIEW_SIZE = (32, 32)


class Problem(NamedTuple):
    """The sizes of a comparison.

    Attributes:
        classes: number of scores per point.
        grid: (h, w), the working size.
        size: (H, W) of the image.
        seed: of the scene, the noise and the networks.
    """

    classes: int = 19
    grid: Size = (128, 128)
    size: Size = (1024, 2048)
    seed: int = 0


@lru_cache(maxsize=4)
def scene(size: Size, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Image (1, 3, H, W) uint8, interleaved as decoders return it, and labels (1, H, W) uint8."""
    frame = SyntheticScenes(1, seed=seed, size=size, split="demo")[0]
    image, labels = torch.from_numpy(frame.image), torch.from_numpy(frame.labels)
    return image.permute(2, 0, 1)[None], labels[None]


def ideal_grid(problem: Problem) -> Tensor:
    """The scene's ideal sampling tensor (eq. 2) at the working size, (1, 2, h, w)."""
    _, labels = scene(problem.size, problem.seed)
    nearest = ops.nearest_boundary(labels, TENSOR_SIZE, classes=TARGETS)
    return ops.resize_sampling_tensor(ops.solve_sampling(nearest), problem.grid)


def network_scores(problem: Problem, phi: Tensor) -> Tensor:
    """Scores like a trained network's at the points of ``phi``: (1, C, h, w) float32, contiguous.

    They are 8 times the one-hot labels, blurred with 1-2-1 in both directions, plus 0.3 times
    normal noise. The scene has 11 classes. For more, up to 22, the right half of the picture gets
    labels of its own, which adds one straight boundary; for fewer, labels are merged.
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

    Returns:
        (1, C, h, w) float32, with at most 5 classes.
    """
    generator = torch.Generator().manual_seed(problem.seed)
    classes = min(problem.classes, 5)
    slopes = torch.randn((classes, 2), generator=generator)
    shift = torch.randn((classes, 1, 1), generator=generator)
    grid = ops.uniform_sampling_tensor(problem.grid)[0]
    return (torch.einsum("ck,khw->chw", slopes, grid) + shift)[None]


def adaptive_model(problem: Problem) -> AdaptiveSegmenter:
    """The paper's networks around our operations, in evaluation mode.

    The networks are untrained. The last layer of the auxiliary network is random instead of zero,
    so that the grid is not uniform.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(problem.seed)
        sampler = DoubleUNet(TENSOR_SIZE, input_size=_VIEW_SIZE)
        nn.init.normal_(sampler.offset.weight, std=0.001)
        segmenter = UNet(problem.classes)
    downsampler = AdaptiveDownsampler(sampler, _VIEW_SIZE, problem.grid)
    return AdaptiveSegmenter(segmenter, downsampler).eval()
