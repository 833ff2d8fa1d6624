# SPDX-License-Identifier: Apache-2.0
"""Label pictures from disk with a trained model.

This module loads without torch.
"""

from __future__ import annotations

import errno
import os
import stat
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
from adaseg_fast.storage import prepare_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from adaseg_fast.nn import AdaptiveSegmenter

DRAWINGS = ("overlay", "sampling")

# Errors of writing that concern one name. With others, such as a full disk, no picture would work.
_OF_ONE_NAME = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.EISDIR}


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
        Pictures of formats that are not read are among them, so that reading names them.

    Raises:
        DataError: An input does not exist or cannot be opened, or a folder holds no picture.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "b.png").touch(), Path(folder, "a.jpg").touch()
        ...     [path.name for path in list_pictures([Path(folder)])]
        ['a.jpg', 'b.png']
    """
    found: list[Path] = []
    for path in inputs:
        if _is_folder(path):
            inside = pictures(path)
            if not inside:
                raise DataError(f"{path}: holds no picture ({', '.join(IMAGE_SUFFIXES)})")
            found += inside
        else:
            found.append(path)
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
    """Label every picture in its own size and aspect.

    Writes ``NAME.png`` into ``output`` for each picture: the class numbers, in the size of the
    picture. Each file appears whole or not at all. A picture with an EXIF orientation is turned
    upright first, so its labels and drawings are upright too.

    Args:
        model: the trained model.
        config: its settings.
        inputs: files, and folders of pictures.
        output: the folder to write to.
        drawings: "overlay" also writes ``NAME_overlay.png``, the picture with its labels' colours;
            "sampling" also writes ``NAME_sampling.png``, the picture with its sampling points.
        keep_going: skip pictures that cannot be listed, read, labelled in the memory there is, or
            written under their name. Of two pictures whose files would have the same name, the
            second is skipped.
        resume: skip pictures whose files are all in ``output``, whichever model wrote them.
        quiet: show no progress bar.

    Returns:
        The pictures that failed; there are none without ``keep_going``.

    Raises:
        ValueError: There is no such drawing.
        StorageError: Nothing can be written to ``output``.
        DataError: A picture cannot be read. Or two pictures would write the same file, or a picture
            would be overwritten; then nothing has been written.
        OSError: A file cannot be written.

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
    failures: list[Failure] = []
    skip = failures.append if keep_going else _raise
    plan = _plan(_listed(inputs, skip), output, kinds, skip)
    prepare_folder(output)
    label = _labeller(model)
    for path, files in tqdm(plan.items(), desc="predict", disable=quiet, unit="picture"):
        if resume and all(_is_there(file) for file in files):
            continue
        try:
            image = read_image(path, upright=True)
            labels, phi = label(image)
            drawn = [_draw(kind, image, labels, phi, config) for kind in kinds]
            for file, picture in zip(files, [labels, *drawn], strict=True):
                write_png(file, picture)
        except (DataError, OSError, MemoryError, RuntimeError) as error:
            if not keep_going or not _of_one_picture(error):
                raise
            failures.append(Failure(path, _reason(path, error)))
    return failures


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file or folder") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path}: cannot be opened ({reason})") from error


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # the name is too long: writing says so
        return False


def _raise(failure: Failure) -> None:
    raise DataError(failure.reason)


def _listed(inputs: Sequence[Path], skip: Callable[[Failure], None]) -> list[Path]:
    """The pictures of all inputs that can be listed."""
    found: list[Path] = []
    for path in inputs:
        try:
            found += list_pictures([path])
        except DataError as error:
            skip(Failure(path, str(error)))
    return found


def _of_one_picture(error: Exception) -> bool:
    """Whether the next picture may work all the same."""
    if isinstance(error, OSError):
        return error.errno in _OF_ONE_NAME
    return isinstance(error, DataError) or _is_out_of_memory(error)


def _is_out_of_memory(error: Exception) -> bool:
    # On CPUs torch raises a plain RuntimeError, "DefaultCPUAllocator: can't allocate memory".
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate" in str(error)


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{path}: its result cannot be written ({error})"
    if isinstance(error, DataError):
        return str(error)
    return f"{path}: the memory is too small to label it"


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


def _plan(
    paths: Sequence[Path], output: Path, kinds: Sequence[str], skip: Callable[[Failure], None]
) -> dict[Path, list[Path]]:
    """The files to write for each picture: none twice, and none over a picture to be read."""
    read = {os.path.realpath(path): path for path in paths}  # Path.resolve fails on circular links
    owner: dict[Path, Path] = {}
    plan: dict[Path, list[Path]] = {}
    # Pictures that cannot be read claim their names last.
    for path in sorted(dict.fromkeys(paths), key=lambda path: not _may_be_read(path)):
        files = [output / f"{path.stem}{end}.png" for end in ("", *(f"_{kind}" for kind in kinds))]
        taken = [file for file in files if file in owner]
        over = [file for file in files if os.path.realpath(file) in read]
        if taken:
            skip(
                Failure(
                    path,
                    f"{owner[taken[0]]} and {path} would both be written as {taken[0].name}",
                )
            )
        elif over:
            overwritten = read[os.path.realpath(over[0])]
            skip(
                Failure(
                    path,
                    f"{overwritten}: the result of {path} would be written over it; "
                    "choose another output folder",
                )
            )
        else:
            owner |= dict.fromkeys(files, path)
            plan[path] = files
    return {path: plan[path] for path in paths if path in plan}


def _may_be_read(path: Path) -> bool:
    return path.suffix.lower() in (*IMAGE_SUFFIXES, "")
