# SPDX-License-Identifier: Apache-2.0
"""Pictures of single frames: sampling locations, and what models predict (Figs. 3, 5 and 7)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from adaseg_fast import ops
from adaseg_fast.data import DatasetInfo, Frame, SegmentationDataset
from adaseg_fast.engine.evaluation.evaluate import check_classes
from adaseg_fast.engine.evaluation.measures import cropped
from adaseg_fast.engine.evaluation.options import check_points
from adaseg_fast.engine.models.config import SegmenterConfig
from adaseg_fast.engine.models.frames import frame_tensors
from adaseg_fast.engine.models.inference import predict_in_stages
from adaseg_fast.metrics import ConfusionMatrix
from adaseg_fast.nn import AdaptiveSegmenter, prepare_for_inference
from adaseg_fast.plots import (
    Image,
    boundaries_and_points,
    color_labels,
    panel,
    resized_tensor,
    sampling_points,
)

LoadedModel = tuple[AdaptiveSegmenter, SegmenterConfig]
Size = tuple[int, int]

_SIDE = 640  # pixels of a picture's longer side, so that points can be told apart
_CROWDED = 64  # with more rows or columns than this, the coarse tensor is drawn instead


def examples(
    frames: SegmentationDataset,
    indices: Sequence[int],
    uniform: LoadedModel,
    adaptive: LoadedModel,
    *,
    crop: str = "square",
    quiet: bool = False,
) -> bytes:
    """Image with sampling locations, uniform and adaptive labels, and truth (Fig. 7), as PNG.

    Args:
        frames: of the classes that the models were trained for.
        indices: numbers of the frames, one row for each.
        uniform: a uniform model and its settings.
        adaptive: an adaptive model and its settings.
        crop: "square" or "none", as in evaluation.
        quiet: whether to leave out the progress bar.

    Raises:
        ValueError: a frame does not exist, or ``indices`` is empty; a model was trained for other
            classes; or ``uniform`` is an adaptive model, or ``adaptive`` a uniform one.
    """
    check_frames(frames, indices)
    for (_, config), samples in ((uniform, "uniform"), (adaptive, "adaptive")):
        check_classes(config, frames.info)
        if (config.sampler is None) != (samples == "uniform"):
            raise ValueError(f"the {samples} model must sample so, but it is {config.label!r}")
    info = frames.info
    prepared = [prepare_for_inference(model) for model, _ in (uniform, adaptive)]
    rows, notes = [], []
    for index in tqdm(indices, desc="examples", disable=quiet):
        frame = cropped(frames[index], crop)
        image, truth = frame_tensors(frame)
        plain, ours = (predict_in_stages(model, image) for model in prepared)
        crowded = ours.coarse is not None and max(ours.phi.shape[1:]) > _CROWDED
        phi = ours.coarse if crowded and ours.coarse is not None else ours.phi
        labels = (plain.labels.numpy(), ours.labels.numpy(), frame.labels)
        painted = (_fitted(color_labels(each, info.colors)) for each in labels)
        points = sampling_points(_fitted(frame.image, cv2.INTER_AREA), phi.numpy())
        rows.append([points, *painted])
        scores = (_target_iou(result.labels, truth, info) for result in (plain, ours))
        notes.append([frame.name, *(_score(score) for score in scores), ""])
        shown = f"{phi.shape[1]} x {phi.shape[2]}"
    titles = [
        f"image, {shown} sampling locations",
        f"uniform, {uniform[1].size[0]} x {uniform[1].size[1]}",
        f"adaptive (ours), {adaptive[1].size[0]} x {adaptive[1].size[1]}",
        "truth",
    ]
    return panel(rows, titles, notes=notes, legend=(info.classes, info.colors))


def sampling_by_lambda(
    frame: Frame,
    info: DatasetInfo,
    lambdas: Sequence[float],
    size: Size,
    *,
    all_boundaries: bool = False,
) -> bytes:
    """Ideal sampling locations between boundaries and the uniform grid (Fig. 3), as PNG.

    Args:
        frame: with labels.
        info: the classes.
        lambdas: of eq. (2), one picture for each.
        size: of the sampling tensor.
        all_boundaries: whether the boundaries of all classes count, not only of the target classes.

    Raises:
        ValueError: ``lambdas`` is empty or holds a negative number, or ``size`` has too many
            points.
    """
    check_points(size)
    if not lambdas or not all(lam >= 0 for lam in lambdas):
        raise ValueError(f"lambdas must be one or more numbers of at least 0, got {lambdas}")
    _, truth = frame_tensors(frame)
    classes, ignored = None if all_boundaries else info.targets, info.ignore_index
    nearest = ops.nearest_boundary(truth[None], size, classes=classes, ignore_index=ignored)
    mask = ops.boundary_mask(truth[None], classes=classes, ignore_index=ignored)[0].numpy()
    image = _fitted(frame.image, cv2.INTER_AREA)
    # A pixel of the picture is a boundary if any pixel in it is; else thin lines would vanish.
    boundary = _fitted(255 * mask.astype(np.uint8), cv2.INTER_AREA) > 0
    pictures = [
        boundaries_and_points(image, boundary, ops.solve_sampling(nearest, lam)[0].numpy())
        for lam in lambdas
    ]
    return panel([pictures], [f"$\\lambda$ = {lam:g}" for lam in lambdas])


def tensor_and_resized(frame: Frame, coarse: Tensor, size: Size) -> bytes:
    """A sampling tensor and the tensor it is resized to (Fig. 5), as PNG.

    Args:
        frame: the frame that the tensor is for.
        coarse: (2, h', w').
        size: (h, w) to resize it to.

    Raises:
        ValueError: ``size`` has too many points.
    """
    check_points(size)
    fine = ops.resize_sampling_tensor(coarse[None], size)[0]
    image = _fitted(frame.image, cv2.INTER_AREA)
    return resized_tensor(image, coarse.numpy(), fine.numpy())


@torch.inference_mode()
def predicted_tensor(frame: Frame, model: AdaptiveSegmenter) -> Tensor:
    """The sampling tensor that an adaptive model predicts for a frame, (2, h, w).

    Raises:
        ValueError: the model samples uniformly.
    """
    coarse = predict_in_stages(model, frame_tensors(frame)[0]).coarse
    if coarse is None:
        raise ValueError("the model samples uniformly, so it predicts no sampling tensor")
    return coarse


def check_frames(frames: SegmentationDataset, indices: Sequence[int]) -> None:
    """Check that there is at least one number of a frame, and that each frame exists.

    Raises:
        ValueError: there is none, or one does not exist.
    """
    wrong = [index for index in indices if not 0 <= index < len(frames)]
    if wrong or not indices:
        raise ValueError(
            f"there is no frame {wrong[0] if wrong else 'to show'}; "
            f"they are numbered from 0 to {len(frames) - 1}"
        )


def _fitted(image: Image, shrink: int = cv2.INTER_NEAREST) -> Image:
    """The image, its longer side resized to `_SIDE`; ``shrink`` is the method for larger ones."""
    scale = _SIDE / max(image.shape[:2])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    how = cv2.INTER_NEAREST if scale > 1 else shrink
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def _target_iou(labels: Tensor, truth: Tensor, info: DatasetInfo) -> float:
    confusion = ConfusionMatrix(info.num_classes, info.ignore_index)
    confusion.update(labels.numpy(), truth.numpy())
    return confusion.mean_iou(info.targets)


def _score(share: float) -> str:
    return "" if np.isnan(share) else f"mean IoU of the targets: {100 * share:.0f} %"
