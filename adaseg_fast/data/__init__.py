# SPDX-License-Identifier: Apache-2.0
"""Data sets: frames of uint8 pixels and labels, opened by a short text such as ``camvid:PATH``.

A new data set needs one file in ``readers`` and one line in the table `DATASETS` below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from adaseg_fast.data.base import DataError, DatasetInfo, Frame, SegmentationDataset
from adaseg_fast.data.cache import CachedFrames
from adaseg_fast.data.readers.apolloscape import ApolloScape
from adaseg_fast.data.readers.camvid import CamVid
from adaseg_fast.data.readers.cityscapes import Cityscapes
from adaseg_fast.data.readers.folder import FolderDataset
from adaseg_fast.data.readers.supervisely import SuperviselyPerson
from adaseg_fast.data.readers.synthia import Synthia

__all__ = ["DATASETS", "DataError", "DatasetInfo", "Frame", "SegmentationDataset", "open_dataset"]

_SYNTHETIC_COUNT = 256


class Reader(NamedTuple):
    """How a data set is opened, and which options it takes.

    Attributes:
        open: called with the text after the colon, the split and the options.
        needs_path: whether the text after the colon is a folder that must be given.
        has_seed: whether it takes ``seed``: something in it is chosen at random.
        has_instances: whether it takes ``instances``: it can tell objects apart on request.
    """

    open: Callable[..., SegmentationDataset]
    needs_path: bool = True
    has_seed: bool = False
    has_instances: bool = False


def _open_synthetic(where: str, split: str, **options: Any) -> SegmentationDataset:
    # Imported here, since only those who draw scenes need the modules that draw.
    from adaseg_fast.data.readers.synthetic import SyntheticScenes

    match = re.fullmatch(r"([1-9][0-9]*)(?:x([1-9][0-9]*))?", where or str(_SYNTHETIC_COUNT))
    if match is None:
        raise ValueError(
            f"data set 'synthetic:{where}': must be synthetic, synthetic:COUNT or "
            "synthetic:COUNTxSIZE with whole numbers above 0"
        )
    count, side = map(_capped, match.groups())
    if side:
        options["size"] = (side, side)
    return SyntheticScenes(count, split=split, **options)


def _capped(digits: str | None) -> int:
    """Convert digits to a number; any number of more than 18 digits is out of all bounds alike."""
    return int((digits or "0")[:19])


DATASETS = {
    "synthetic": Reader(_open_synthetic, needs_path=False, has_seed=True),
    "camvid": Reader(CamVid),
    "cityscapes": Reader(Cityscapes, has_instances=True),
    "apolloscape": Reader(ApolloScape, has_instances=True),
    "synthia": Reader(Synthia, has_seed=True, has_instances=True),
    "supervisely": Reader(SuperviselyPerson, has_seed=True, has_instances=True),
    "folder": Reader(FolderDataset),
}


def open_dataset(
    spec: str,
    split: str,
    *,
    targets: Sequence[str] | None = None,
    cache: bool = False,
    seed: int | None = None,
    instances: bool = False,
) -> SegmentationDataset:
    """Open a split of the data set that ``spec`` names.

    - ``camvid:PATH``, ``folder:PATH``: the folder PATH, laid out as in `readers.folder`.
    - ``cityscapes:PATH``, ``apolloscape:PATH``, ``synthia:PATH``, ``supervisely:PATH``: the folder
      PATH, laid out as its publisher does; the module of that name in `readers` describes it.
    - ``synthetic``, ``synthetic:COUNT``, ``synthetic:COUNTxSIZE``: COUNT drawn scenes (256 by
      default) of SIZE x SIZE pixels (1024 by default).

    Args:
        spec: ``NAME:WHERE``, as on the command line.
        split: such as ``train`` or ``val``.
        targets: names of the classes whose boundaries matter; the data set's own if None.
        cache: keep frames in memory, see `CachedFrames`.
        seed: seed of the drawn scenes, or of a split that is chosen at random; the data set's own
            if None.
        instances: also read which object each pixel belongs to, if the data set knows it.

    Returns:
        The frames of the split, which are read or drawn when they are asked for.

    Raises:
        ValueError: ``spec`` names no known data set or has another form, the data set has no class
            of a name in ``targets``, or nothing in it depends on ``seed``.
        DataError: the data set itself is missing, damaged or inconsistent.

    Example:
        >>> scenes = open_dataset("synthetic:4x64", "val", targets=["car", "pedestrian"])
        >>> len(scenes), scenes.info.targets, scenes[0].image.shape, scenes[0].labels.dtype
        (4, (8, 9), (64, 64, 3), dtype('uint8'))
    """
    name, _, where = spec.partition(":")
    if name not in DATASETS:
        raise ValueError(
            f"data set {spec!r}: there is no such name; known are {', '.join(DATASETS)}"
        )
    reader = DATASETS[name]
    if not where and reader.needs_path:
        raise ValueError(f"data set {spec!r}: the folder must be given, as {name}:PATH")
    options: dict[str, Any] = {}
    if seed is not None:
        if not reader.has_seed:
            raise ValueError(f"data set {spec!r}: nothing in it is random, so it takes no seed")
        options["seed"] = seed
    if reader.has_instances:
        options["instances"] = instances
    frames = reader.open(where, split, **options)
    if targets is not None:
        frames.info = replace(frames.info, targets=frames.info.class_numbers(targets))
    return CachedFrames(frames, instances=instances) if cache else frames
