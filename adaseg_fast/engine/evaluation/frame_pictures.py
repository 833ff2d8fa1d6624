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
from adaseg_fast.engine.evaluation.measures import cropped
from adaseg_fast.engine.models.cost import predict_in_stages
from adaseg_fast.engine.models.files import SegmenterConfig
from adaseg_fast.engine.training.batches import frame_tensors
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

_SIDE = 640  # pixels of a picture, so that single points can be told apart
_CROWDED = 64  # above so many rows or columns the coarse tensor is drawn instead


def examples(
    frames: SegmentationDataset,
    indices: Sequence[int],
    uniform: LoadedModel,
    adaptive: LoadedModel,
    *,
    crop: str = "square",
    quiet: bool = False,
) -> bytes:
    """Image with sampling locations, uniform and adaptive results, truth (Fig. 7), as PNG.

    Args:
        frames: of the classes that the models know.
        indices: the frames to show, one a row.
        crop: as in evaluation, "square" or "none".

    Raises:
        ValueError: there is no frame of such a number, or no frame is named.
    """
    check_frames(frames, indices)
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
        lambdas: of eq. (2), one a picture.
        size: of the sampling tensor.
        all_boundaries: of all classes, instead of the target classes.

    Raises:
        ValueError: no lambda is given, or a negative one.
    """
    if not lambdas or min(lambdas) < 0:
        raise ValueError(f"lambdas must be one or more numbers of at least 0, got {lambdas}")
    _, truth = frame_tensors(frame)
    kind = {
        "classes": None if all_boundaries else info.targets,
        "ignore_index": info.ignore_index,
    }
    nearest = ops.nearest_boundary(truth[None], size, **kind)  # type: ignore[arg-type]
    mask = ops.boundary_mask(truth[None], **kind)[0].numpy()  # type: ignore[arg-type]
    image = _fitted(frame.image, cv2.INTER_AREA)
    # Thin lines would vanish: a pixel of the picture is a boundary if one of its own pixels is.
    boundary = _fitted(255 * mask.astype(np.uint8), cv2.INTER_AREA) > 0
    pictures = [
        boundaries_and_points(image, boundary, ops.solve_sampling(nearest, lam)[0].numpy())
        for lam in lambdas
    ]
    return panel([pictures], [f"$\\lambda$ = {lam:g}" for lam in lambdas])


def tensor_and_resized(frame: Frame, coarse: Tensor, size: Size) -> bytes:
    """A sampling tensor (2, h', w') and what it is resized to (Fig. 5), as PNG."""
    fine = ops.resize_sampling_tensor(coarse[None], size)[0]
    image = _fitted(frame.image, cv2.INTER_AREA)
    return resized_tensor(image, coarse.numpy(), fine.numpy())


@torch.inference_mode()
def predicted_tensor(frame: Frame, model: AdaptiveSegmenter) -> Tensor:
    """What the auxiliary network of an adaptive model predicts for a frame, (2, h, w).

    Raises:
        ValueError: the model samples uniformly.
    """
    coarse = predict_in_stages(model, frame_tensors(frame)[0]).coarse
    if coarse is None:
        raise ValueError("the model samples uniformly, so it predicts no sampling tensor")
    return coarse


def check_frames(frames: SegmentationDataset, indices: Sequence[int]) -> None:
    """Refuse numbers of frames that are not there, and none at all."""
    wrong = [index for index in indices if not 0 <= index < len(frames)]
    if wrong or not indices:
        raise ValueError(
            f"there is no frame {wrong[0] if wrong else 'to show'}; "
            f"they are numbered from 0 to {len(frames) - 1}"
        )


def _fitted(image: Image, shrink: int = cv2.INTER_NEAREST) -> Image:
    """The image with its longer side `_SIDE` pixels; ``shrink`` is how a larger one is resized."""
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
