# SPDX-License-Identifier: Apache-2.0
"""Uniform against adaptive on drawn scenes that training never saw, with the weights shipped."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor
from tqdm import tqdm

from adaseg_fast.data import DatasetInfo
from adaseg_fast.data.image_io import write_atomically, write_json
from adaseg_fast.data.synthetic import SyntheticScenes
from adaseg_fast.engine.batches import frame_tensors
from adaseg_fast.engine.cost import predict_in_stages
from adaseg_fast.engine.evaluate import Evaluation, environment, evaluate
from adaseg_fast.engine.models import SegmenterConfig, load_segmenter
from adaseg_fast.metrics import ConfusionMatrix
from adaseg_fast.nn import AdaptiveSegmenter
from adaseg_fast.plots import color_labels, panel, sampling_points

Model = tuple[AdaptiveSegmenter, SegmenterConfig]

_SHOWN = 3
_SIDE = 640  # pixels of a picture, so that single points can be told apart


def load_demo_models() -> tuple[Model, Model]:
    """The uniform and the adaptive model that come with the package."""
    models = []
    for name in ("demo_uniform", "demo_adaptive"):
        with as_file(files("adaseg_fast") / "weights" / f"{name}.safetensors") as path:
            models.append(load_segmenter(path))
    return models[0], models[1]


def demo(output: Path, *, scenes: int = 24, seed: int = 0, quiet: bool = False) -> list[Evaluation]:
    """Segment drawn scenes both ways at the same working size; writes demo.png and demo.json.

    Args:
        output: folder of the two files.
        scenes: how many, at least 1; the first few are shown.
        seed: of the scenes.
        quiet: no progress bar.
    """
    if scenes < 1:
        raise ValueError(f"scenes has to be at least 1, got {scenes}")
    frames = SyntheticScenes(scenes, seed=seed, split="demo")
    models = load_demo_models()
    results = [evaluate(*model, frames, quiet=quiet) for model in models]
    output.mkdir(parents=True, exist_ok=True)
    write_json(
        output / "demo.json",
        {"environment": environment(), "results": [result.record() for result in results]},
    )
    write_atomically(output / "demo.png", _picture(frames, models, quiet))
    return results


def _target_iou(labels: Tensor, truth: Tensor, info: DatasetInfo) -> float:
    confusion = ConfusionMatrix(info.num_classes, info.ignore_index)
    confusion.update(labels.numpy(), truth.numpy())
    return confusion.mean_iou(info.targets)


def _picture(frames: SyntheticScenes, models: tuple[Model, Model], quiet: bool) -> bytes:
    info = frames.info
    rows, notes = [], []
    for index in tqdm(range(min(_SHOWN, len(frames))), desc="picture", disable=quiet):
        frame = frames[index]
        image, truth = frame_tensors(frame)
        uniform, adaptive = (predict_in_stages(model, image) for model, _ in models)
        scores = [_target_iou(result.labels, truth, info) for result in (uniform, adaptive)]
        small = cv2.resize(frame.image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        points = sampling_points(np.asarray(small, np.uint8), adaptive.phi.numpy())
        labels = (uniform.labels.numpy(), adaptive.labels.numpy(), frame.labels)
        rows.append([points, *(color_labels(x, info.colors) for x in labels)])
        notes.append(
            [frame.name, *(f"mean IoU of the targets: {100 * x:.0f} %" for x in scores), ""]
        )
    height, width = models[1][1].size
    titles = [
        f"image, {height} x {width} sampling locations",
        "uniform",
        "adaptive (ours)",
        "truth",
    ]
    return panel(rows, titles, notes=notes, legend=(info.classes, info.colors))
