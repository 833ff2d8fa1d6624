# SPDX-License-Identifier: Apache-2.0
"""Label pictures from disk with a trained model.

This module loads without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from adaseg_fast.data import DataError
from adaseg_fast.data.files import IMAGE_SUFFIXES, pictures
from adaseg_fast.data.images import read_image, write_png
from adaseg_fast.engine.models.config import SegmenterConfig
from adaseg_fast.plots import Image, overlay, sampling_points

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from adaseg_fast.nn import AdaptiveSegmenter

DRAWINGS = ("overlay", "sampling")


@dataclass(frozen=True)
class Failure:
    """A picture that could not be labelled.

    Attributes:
        path: the picture.
        reason: what is wrong with it.
    """

    path: Path
    reason: str


def list_pictures(inputs: Sequence[Path]) -> list[Path]:
    """The pictures that some paths name.

    Args:
        inputs: files, and folders of pictures.

    Returns:
        The files as given, and in place of each folder the pictures directly in it, sorted.

    Raises:
        DataError: An input does not exist, or a folder holds no picture.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "b.png").touch(), Path(folder, "a.jpg").touch()
        ...     [path.name for path in list_pictures([Path(folder)])]
        ['a.jpg', 'b.png']
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
    drawings: Collection[str] = ("overlay",),
    keep_going: bool = False,
    resume: bool = False,
    quiet: bool = False,
) -> list[Failure]:
    """Label every picture as it is, of any size and aspect.

    Writes ``NAME.png`` into ``output`` for each picture: the class numbers, in the size of the
    picture. Each file appears whole or not at all.

    Args:
        model: the trained model.
        config: its settings.
        inputs: files, and folders of pictures.
        output: the folder to write to.
        drawings: "overlay" also writes ``NAME_overlay.png``, the picture with its labels' colours;
            "sampling" also writes ``NAME_sampling.png``, the picture with its sampling points.
        keep_going: skip pictures that cannot be read.
        resume: skip pictures whose files are all in ``output``, whichever model wrote them.
        quiet: show no progress bar.

    Returns:
        The pictures that failed; there are none without ``keep_going``.

    Raises:
        ValueError: There is no such drawing.
        DataError: A picture cannot be read. Or two pictures would write the same file, or a picture
            would be overwritten; then nothing has been written.

    Example:
        >>> import tempfile
        >>> import adaseg_fast, numpy as np
        >>> weights = Path(adaseg_fast.__file__).parent / "weights"
        >>> model = adaseg_fast.load(weights / "demo_adaptive.safetensors")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_png(Path(folder, "grey.png"), np.full((48, 64, 3), 128, np.uint8))
        ...     output = Path(folder, "labels")
        ...     failures = predict(model, model.config, [Path(folder)], output, quiet=True)
        ...     sorted(path.name for path in output.iterdir())
        ['grey.png', 'grey_overlay.png']
    """
    unknown = [kind for kind in drawings if kind not in DRAWINGS]
    if unknown:
        raise ValueError(f"drawings must be of {', '.join(DRAWINGS)}, got {unknown[0]!r}")
    kinds = [kind for kind in DRAWINGS if kind in drawings]
    plan = {
        path: [output / f"{path.stem}{ending}.png" for ending in ("", *(f"_{k}" for k in kinds))]
        for path in list_pictures(inputs)
    }
    _check_plan(plan)
    output.mkdir(parents=True, exist_ok=True)
    label = _labeller(model)
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
        labels, phi = label(image)
        drawn = [_draw(kind, image, labels, phi, config) for kind in kinds]
        for file, picture in zip(files, [labels, *drawn], strict=True):
            write_png(file, picture)
    return failures


def _labeller(model: AdaptiveSegmenter) -> Callable[[Image], tuple[Image, NDArray[np.float32]]]:
    """A function from an image (H, W, 3) to its labels (H, W) and sampling tensor (2, h, w)."""
    import torch

    from adaseg_fast.engine.models.inference import predict_in_stages
    from adaseg_fast.nn import prepare_for_inference

    prepared = prepare_for_inference(model)

    def label(image: Image) -> tuple[Image, NDArray[np.float32]]:
        result = predict_in_stages(prepared, torch.from_numpy(image).permute(2, 0, 1))
        return result.labels.numpy(), result.phi.numpy()

    return label


def _draw(
    kind: str, image: Image, labels: Image, phi: NDArray[np.float32], config: SegmenterConfig
) -> Image:
    if kind == "overlay":
        return overlay(image, labels, config.colors)
    return sampling_points(image, phi)


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
