# SPDX-License-Identifier: Apache-2.0
"""The pictures of an experiment that show single frames: examples, a sampling tensor, lambda."""

from __future__ import annotations

from pathlib import Path

from adaseg_fast.engine.evaluation.frame_pictures import (
    LoadedModel,
    examples,
    predicted_tensor,
    sampling_by_lambda,
    tensor_and_resized,
)
from adaseg_fast.engine.evaluation.measures import cropped
from adaseg_fast.engine.experiment.config import ExperimentConfig
from adaseg_fast.engine.experiment.plan import Model, evaluation_frames
from adaseg_fast.engine.models.files import load_segmenter
from adaseg_fast.engine.tables import size_text
from adaseg_fast.storage import write_atomically

_LAMBDAS = (0.01, 0.1, 1.0, 10.0, 100.0)
_LAMBDA_TENSOR = (32, 32)


def draw_frame_pictures(
    config: ExperimentConfig, output: Path, *, quiet: bool = False
) -> list[Path]:
    """Draw examples for each size, a sampling tensor, and ideal sampling for several lambda.

    Writes ``figures/SIZE/examples.png``, ``figures/tensor.png`` and ``figures/lambda.png``, with
    the models of the first seed.

    Returns:
        The files written; none if the configuration names no examples.
    """
    frames, section = evaluation_frames(config.data), config.evaluation
    if not section.examples:
        return []
    folder = output / "figures"
    pictures: dict[Path, bytes] = {}
    for size in sorted(config.sizes):  # the last one's tensor is drawn too
        uniform, adaptive = (
            _load(config, output, Model(sampling, size, config.seeds[0], size))
            for sampling in ("uniform", "adaptive")
        )
        pictures[folder / size_text(size) / "examples.png"] = examples(
            frames, section.examples, uniform, adaptive, crop=section.crop, quiet=quiet
        )
    frame = cropped(frames[section.examples[0]], section.crop)
    _, settings = adaptive
    assert settings.sampler is not None
    doubled = 2 * settings.sampler.size[0], 2 * settings.sampler.size[1]
    coarse = predicted_tensor(frame, adaptive[0])
    pictures[folder / "tensor.png"] = tensor_and_resized(frame, coarse, doubled)
    pictures[folder / "lambda.png"] = sampling_by_lambda(
        frame,
        frames.info,
        _LAMBDAS,
        _LAMBDA_TENSOR,
        all_boundaries=config.sampler.boundaries == "all",
    )
    for path, picture in pictures.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, picture)
    return list(pictures)


def _load(config: ExperimentConfig, output: Path, model: Model) -> LoadedModel:
    return load_segmenter(output / "segmenters" / model.file, (config.segmenter.network,))
