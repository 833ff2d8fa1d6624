# SPDX-License-Identifier: Apache-2.0
"""Label pictures from disk with a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from adaseg_fast.data import DataError
from adaseg_fast.data.files import IMAGE_SUFFIXES, pictures
from adaseg_fast.data.images import read_image, write_png
from adaseg_fast.engine.models.cost import predict_in_stages
from adaseg_fast.engine.models.files import SegmenterConfig
from adaseg_fast.nn import AdaptiveSegmenter, prepare_for_inference
from adaseg_fast.plots import overlay, sampling_points


@dataclass(frozen=True)
class Failure:
    """A picture that could not be labelled, and why."""

    path: Path
    reason: str


def list_pictures(inputs: Sequence[Path]) -> list[Path]:
    """The files given, and the pictures directly in the folders given, sorted.

    Raises:
        DataError: an input does not exist, or a folder holds no picture.
    """
    found: list[Path] = []
    for path in inputs:
        if path.is_dir():
            inside = pictures(path)
            if not inside:
                raise DataError(f"{path}: holds no picture ({', '.join(IMAGE_SUFFIXES)})")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise DataError(f"{path}: there is no such file or folder")
    return found


def predict(
    model: AdaptiveSegmenter,
    config: SegmenterConfig,
    inputs: Sequence[Path],
    output: Path,
    *,
    overlays: bool = True,
    plot_sampling: bool = False,
    keep_going: bool = False,
    resume: bool = False,
    quiet: bool = False,
) -> list[Failure]:
    """Label every picture as it is, of any size and aspect.

    Writes ``NAME.png`` (class numbers, the size of the picture) into ``output``, with ``overlays``
    also ``NAME_overlay.png``, with ``plot_sampling`` ``NAME_sampling.png``. Each file appears whole
    or not at all.

    Args:
        keep_going: skip pictures that cannot be read.
        resume: leave alone the pictures whose files are all in ``output``, whichever model wrote
            them.

    Returns:
        With ``keep_going`` the pictures that failed, else nothing: the first one raises DataError.

    Raises:
        DataError: a picture cannot be read; two would write the same file, or one would be written
            over, and nothing has been written.
    """
    kinds = ["", *["_overlay"] * overlays, *["_sampling"] * plot_sampling]
    plan = {
        path: [output / f"{path.stem}{kind}.png" for kind in kinds]
        for path in list_pictures(inputs)
    }
    _check_plan(plan)
    output.mkdir(parents=True, exist_ok=True)
    prepared = prepare_for_inference(model)
    failures = []
    for path, files in tqdm(plan.items(), desc="predict", disable=quiet, unit="picture"):
        if resume and all(file.is_file() for file in files):
            continue
        try:
            image = read_image(path)
        except DataError as error:
            if not keep_going:
                raise
            failures.append(Failure(path, str(error)))
            continue
        result = predict_in_stages(prepared, torch.from_numpy(image).permute(2, 0, 1))
        labels = result.labels.numpy()
        drawn = [labels]
        if overlays:
            drawn.append(overlay(image, labels, config.colors))
        if plot_sampling:
            drawn.append(sampling_points(image, result.phi.numpy()))
        for file, picture in zip(files, drawn, strict=True):
            write_png(file, picture)
    return failures


def _check_plan(plan: dict[Path, list[Path]]) -> None:
    """Refuse to write a file twice, or over a picture that is to be read."""
    read = {path.resolve(): path for path in plan}
    owner: dict[Path, Path] = {}
    for path, files in plan.items():
        for file in files:
            if file in owner:
                raise DataError(f"{owner[file]} and {path} would both be written as {file.name}")
            if file.resolve() in read:
                raise DataError(
                    f"{read[file.resolve()]}: the result of {path} would be written over it; "
                    "choose another output folder"
                )
            owner[file] = path
