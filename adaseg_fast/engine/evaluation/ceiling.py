# SPDX-License-Identifier: Apache-2.0
"""What sampling alone allows, and where an adaptive model falls short of it.

The truth itself, sampled and interpolated back, is the most that any network reaches with the same
points. Points are uniform, ideal (eq. 2 on the truth) or a model's own. A model that is fed with
the samples of ideal points shows what better points would give it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from adaseg_fast import ops
from adaseg_fast.data import DatasetInfo, Frame, SegmentationDataset
from adaseg_fast.engine.evaluation.evaluate import Evaluation, check_classes
from adaseg_fast.engine.evaluation.measures import Labels, measure
from adaseg_fast.engine.models.config import SegmenterConfig
from adaseg_fast.engine.models.frames import frame_tensors
from adaseg_fast.engine.models.inference import downsampler_of
from adaseg_fast.nn import AdaptiveSegmenter, UniformDownsampler, prepare_for_inference
from adaseg_fast.nn.downsample import Downsampler

Size = tuple[int, int]
# From an image (3, H, W) and its truth (H, W) to a sampling tensor (1, 2, h, w).
Points = Callable[[Tensor, Tensor], Tensor]


def ceiling(
    frames: SegmentationDataset,
    size: Size,
    *,
    tensor_size: Size | None = None,
    lam: float = 1.0,
    **how: Any,
) -> Evaluation:
    """The truth itself, sampled and interpolated back.

    Args:
        size: the working size.
        tensor_size: of the ideal sampling tensor (eq. 2 on the boundaries of the target classes);
            None samples uniformly.
        lam: lambda of eq. (2).
        how: ``metrics``, ``crop``, ``workers`` and ``quiet`` of `measure`.
    """
    shown = f"{size[0]}x{size[1]}"
    if tensor_size is None:
        name = f"ceiling, uniform, {shown}"
        return ceiling_of(UniformDownsampler(size), frames, name=name, **how)
    points = _ideal_points(frames.info, size, tensor_size, lam)
    name = f"ceiling, ideal {tensor_size[0]}x{tensor_size[1]}, {shown}"
    return _of_truth(frames, size, points, "ideal", name, **how)


def ceiling_of(
    downsampler: Downsampler, frames: SegmentationDataset, *, name: str, **how: Any
) -> Evaluation:
    """The truth itself, sampled where ``downsampler`` samples and interpolated back.

    Args:
        name: for tables.
        how: as for `ceiling`.
    """
    device = next((p.device for p in downsampler.parameters()), torch.device("cpu"))

    @torch.inference_mode()
    def chosen(image: Tensor, _: Tensor) -> Tensor:
        return downsampler.sampling_tensor(image[None].to(device)).cpu()

    sampling = "uniform" if isinstance(downsampler, UniformDownsampler) else "adaptive"
    return _of_truth(frames, downsampler.size, chosen, sampling, name, **how)


def shortfall(
    model: AdaptiveSegmenter,
    config: SegmenterConfig,
    frames: SegmentationDataset,
    *,
    name: str | None = None,
    **how: Any,
) -> tuple[Evaluation, Evaluation]:
    """What stands between an adaptive model and the `ceiling` of ideal sampling.

    Args:
        name: for tables; what the model says of itself if None.
        how: as for `ceiling`.

    Returns:
        The truth, sampled where the model samples: by what this is below the ceiling, the auxiliary
        network misses. And the model, fed with ideal samples of its own tensor size and lambda: by
        what this is below the ceiling, the base network misses.

    Raises:
        ValueError: the model samples uniformly, or was trained for other classes.
    """
    if config.sampler is None:
        raise ValueError("the model samples uniformly: there is no sampling tensor to judge")
    check_classes(config, frames.info)
    device = next(model.parameters()).device
    prepared = prepare_for_inference(model)
    downsampler = downsampler_of(prepared)
    ideal = _ideal_points(frames.info, config.size, config.sampler.size, config.sampler.lam)
    given = _GivenPoints(config.size, downsampler.mean, downsampler.std)
    fed = AdaptiveSegmenter(prepared.segmenter, given)

    def label(index: int, frame: Frame) -> Labels:
        image, truth = frame_tensors(frame)
        given.phi = ideal(image, truth).to(device)
        labels: Labels = fed.predict(image[None].to(device))[0].cpu().numpy()
        return labels

    name = name or config.label
    own, better = f"{name}: truth at its points", f"{name}: at ideal points"
    measures = measure(frames, label, name=better, **how)
    return (
        ceiling_of(downsampler, frames, name=own, **how),
        Evaluation(better, "ideal", config.size, measures, config.network),
    )


def ideal_tensor(truth: Tensor, info: DatasetInfo, size: Size, lam: float) -> Tensor:
    """The minimum of eq. (2) on the boundaries of the target classes, (1, 2, h, w).

    Args:
        truth: (H, W) labels.
        size: (h, w) of the tensor.
        lam: lambda.
    """
    nearest = ops.nearest_boundary(
        truth[None], size, classes=info.targets, ignore_index=info.ignore_index
    )
    solution: Tensor = ops.solve_sampling(nearest, lam)
    return solution


class _GivenPoints(Downsampler):
    """Samples at the points put into ``phi``."""

    phi: Tensor

    def sampling_tensor(self, image: Tensor) -> Tensor:
        return self.phi


def _ideal_points(info: DatasetInfo, size: Size, tensor_size: Size, lam: float) -> Points:
    def points(_: Tensor, truth: Tensor) -> Tensor:
        return ops.resize_sampling_tensor(ideal_tensor(truth, info, tensor_size, lam), size)

    return points


def _of_truth(
    frames: SegmentationDataset, size: Size, points: Points, sampling: str, name: str, **how: Any
) -> Evaluation:
    info = frames.info

    def label(index: int, frame: Frame) -> Labels:
        image, truth = frame_tensors(frame)
        phi = points(image, truth)
        small = ops.sample(truth[None, None], phi)[:, 0].long()
        known = small != info.ignore_index
        scores = F.one_hot(small.where(known, 0), info.num_classes) * known[..., None]
        labels = ops.interpolate_argmax(scores.permute(0, 3, 1, 2).float(), phi, truth.shape)
        found: Labels = labels[0].numpy()
        return found

    return Evaluation(name, sampling, size, measure(frames, label, name=name, **how))
