# SPDX-License-Identifier: Apache-2.0
"""What sampling alone allows: the truth itself, sampled and interpolated back.

No network does better with the same points, so this is an upper bound. The points are uniform,
ideal (eq. 2 on the truth) or those of a given downsampler.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from adaseg_fast import ops
from adaseg_fast.data import DatasetInfo, Frame, SegmentationDataset
from adaseg_fast.engine.evaluation.evaluate import Evaluation
from adaseg_fast.engine.evaluation.measures import Labels, Measures, measure
from adaseg_fast.engine.evaluation.options import DEFAULT_OPTIONS, MeasureOptions, check_points
from adaseg_fast.engine.models.frames import frame_tensors
from adaseg_fast.engine.tables import size_text
from adaseg_fast.nn import UniformDownsampler
from adaseg_fast.nn.downsample import Downsampler

Size = tuple[int, int]
# From an image (3, H, W) and its truth (H, W) to a sampling tensor (1, 2, h, w).
Points = Callable[[Tensor, Tensor], Tensor]


def ceiling(
    frames: SegmentationDataset,
    size: Size,
    options: MeasureOptions = DEFAULT_OPTIONS,
    *,
    tensor_size: Size | None = None,
    lam: float = 1.0,
) -> Evaluation:
    """Measure the truth itself, sampled at uniform or ideal points and interpolated back.

    Args:
        frames: with labels.
        size: the working size.
        options: metrics, crop and threads.
        tensor_size: size of the ideal sampling tensor (eq. 2 on the boundaries of the target
            classes); None samples uniformly.
        lam: lambda of eq. (2).

    Returns:
        The evaluation, with neither a network nor latencies.

    Raises:
        ValueError: a size has too many points, or ``lam`` is negative or not finite.
    """
    check_points(size)
    if tensor_size is None:
        name = f"ceiling, uniform, {size_text(size)}"
        return ceiling_of(UniformDownsampler(size), frames, options, name=name)
    points = ideal_points(frames.info, size, tensor_size, lam)
    name = f"ceiling, ideal {size_text(tensor_size)}, {size_text(size)}"
    return Evaluation(name, "ideal", size, _measure_truth(frames, points, options, name))


def ceiling_of(
    downsampler: Downsampler,
    frames: SegmentationDataset,
    options: MeasureOptions = DEFAULT_OPTIONS,
    *,
    name: str,
) -> Evaluation:
    """Measure the truth itself, sampled where ``downsampler`` samples and interpolated back.

    Args:
        downsampler: in evaluation mode.
        frames: with labels.
        options: metrics, crop and threads.
        name: the name in tables.

    Returns:
        The evaluation, with neither a network nor latencies.
    """
    device = next((p.device for p in downsampler.parameters()), torch.device("cpu"))

    @torch.inference_mode()
    def chosen(image: Tensor, _: Tensor) -> Tensor:
        return downsampler.sampling_tensor(image[None].to(device)).cpu()

    sampling = "uniform" if isinstance(downsampler, UniformDownsampler) else "adaptive"
    measures = _measure_truth(frames, chosen, options, name)
    return Evaluation(name, sampling, downsampler.size, measures)


def ideal_tensor(truth: Tensor, info: DatasetInfo, size: Size, lam: float) -> Tensor:
    """The minimum of eq. (2) on the boundaries of the target classes.

    Args:
        truth: (H, W) labels.
        info: the classes.
        size: (h, w) of the tensor.
        lam: lambda of eq. (2).

    Returns:
        The sampling tensor (1, 2, h, w), relative (row, column) in [0, 1].

    Raises:
        ValueError: ``size`` has too many points, or ``lam`` is negative or not finite.
    """
    check_points(size)
    nearest = ops.nearest_boundary(
        truth[None], size, classes=info.targets, ignore_index=info.ignore_index
    )
    solution: Tensor = ops.solve_sampling(nearest, lam)
    return solution


def ideal_points(info: DatasetInfo, size: Size, tensor_size: Size, lam: float) -> Points:
    """The `ideal_tensor` of ``tensor_size`` for any truth, resized to the working size ``size``."""

    def points(_: Tensor, truth: Tensor) -> Tensor:
        return ops.resize_sampling_tensor(ideal_tensor(truth, info, tensor_size, lam), size)

    return points


def _measure_truth(
    frames: SegmentationDataset, points: Points, options: MeasureOptions, name: str
) -> Measures:
    info = frames.info

    def label(_: int, frame: Frame) -> Labels:
        image, truth = frame_tensors(frame)
        phi = points(image, truth)
        small = ops.sample(truth[None, None], phi)[:, 0].long()
        known = small != info.ignore_index
        scores = F.one_hot(small.where(known, 0), info.num_classes) * known[..., None]
        labels = ops.interpolate_argmax(scores.permute(0, 3, 1, 2).float(), phi, truth.shape)
        found: Labels = labels[0].numpy()
        return found

    return measure(frames, label, options, name=name)
