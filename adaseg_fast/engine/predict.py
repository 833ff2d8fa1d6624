# SPDX-License-Identifier: Apache-2.0
"""Label pictures from disk with a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from adaseg_fast.data import DataError
from adaseg_fast.data.image_io import read_image, write_png
from adaseg_fast.engine.cost import predict_in_stages
from adaseg_fast.engine.models import SegmenterConfig
from adaseg_fast.nn import AdaptiveSegmenter, prepare_for_inference
from adaseg_fast.plots import overlay, sampling_points

_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Failure:
    """A picture that could not be labelled, and why."""

    path: Path
    reason: str


def list_pictures(inputs: Sequence[Path]) -> list[Path]:
    """The files given, and the pictures directly in the folders given, sorted.

    Raises:
        DataError: an input does not exist, a folder holds no picture, or two pictures would write
            results of the same name.
    """
    pictures: list[Path] = []
    for path in inputs:
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES)
            if not found:
                raise DataError(f"{path}: holds no picture ({', '.join(_SUFFIXES)})")
            pictures += found
        elif path.exists():
            pictures.append(path)
        else:
            raise DataError(f"{path}: there is no such file or folder")
    owner: dict[str, Path] = {}
    for path in pictures:
        if path.stem in owner:
            raise DataError(
                f"{owner[path.stem]} and {path} would both be written as {path.stem}.png"
            )
        owner[path.stem] = path
    return pictures


def predict(
    model: AdaptiveSegmenter,
    config: SegmenterConfig,
    inputs: Sequence[Path],
    output: Path,
    *,
    overlays: bool = True,
    plot_sampling: bool = False,
    keep_going: bool = False,
    quiet: bool = False,
) -> list[Failure]:
    """Label every picture as it is, of any size and aspect.

    Writes ``NAME.png`` (class numbers, the size of the picture) into ``output``, with ``overlays``
    also ``NAME_overlay.png``, with ``plot_sampling`` ``NAME_sampling.png``. Each file appears whole
    or not at all.

    Returns:
        With ``keep_going`` the pictures that failed, else nothing: the first one raises DataError.
    """
    pictures = list_pictures(inputs)
    output.mkdir(parents=True, exist_ok=True)
    prepared = prepare_for_inference(model)
    failures = []
    for path in tqdm(pictures, desc="predict", disable=quiet, unit="picture"):
        try:
            image = read_image(path)
        except DataError as error:
            if not keep_going:
                raise
            failures.append(Failure(path, str(error)))
            continue
        result = predict_in_stages(prepared, torch.from_numpy(image).permute(2, 0, 1))
        labels = result.labels.numpy()
        write_png(output / f"{path.stem}.png", labels)
        if overlays:
            write_png(output / f"{path.stem}_overlay.png", overlay(image, labels, config.colors))
        if plot_sampling:
            picture = sampling_points(image, result.phi.numpy())
            write_png(output / f"{path.stem}_sampling.png", picture)
    return failures
