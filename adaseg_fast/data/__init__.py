# SPDX-License-Identifier: Apache-2.0
"""Data sets: frames of uint8 pixels and labels, found by a short text such as ``camvid:PATH``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from adaseg_fast.data.base import DataError, DatasetInfo, Frame, SegmentationDataset
from adaseg_fast.data.cache import CachedFrames
from adaseg_fast.data.camvid import CamVid
from adaseg_fast.data.folder import FolderDataset

__all__ = ["DataError", "DatasetInfo", "Frame", "SegmentationDataset", "open_dataset"]

_SYNTHETIC_COUNT = 256


def open_dataset(
    spec: str,
    split: str,
    *,
    targets: Sequence[str] | None = None,
    cache: bool = False,
    **options: Any,
) -> SegmentationDataset:
    """Open a split of the data set that ``spec`` names.

    - ``camvid:PATH``, ``folder:PATH``: the folder PATH in the layout that `folder` describes.
    - ``synthetic``, ``synthetic:COUNT``, ``synthetic:COUNTxSIZE``: COUNT drawn scenes (256 unless
      said) of SIZE x SIZE pixels (the drawer's own default unless said).

    Args:
        spec: ``NAME:WHERE``, as on the command line.
        split: such as ``train`` or ``val``.
        targets: names of the classes whose boundaries matter; the data set's own if None.
        cache: keep frames in memory, see `CachedFrames`.
        options: keyword arguments of the data set itself, such as ``seed`` for drawn scenes.

    Raises:
        ValueError: ``spec`` names no known data set, or is not of the form above, or the data
            set has no class of a name in ``targets``.
        DataError: the data set itself is missing, damaged or inconsistent.
    """
    name, _, where = spec.partition(":")
    if name not in _OPENERS:
        raise ValueError(f"data set {spec!r}: no such name; known are {', '.join(_OPENERS)}")
    if not where and name not in _WITHOUT_PATH:
        raise ValueError(f"data set {spec!r}: it lies in a folder, so say {name}:PATH")
    frames = _OPENERS[name](where, split, **options)
    if targets is not None:
        frames.info = replace(frames.info, targets=frames.info.class_numbers(targets))
    return CachedFrames(frames) if cache else frames


def _synthetic(where: str, split: str, **options: Any) -> SegmentationDataset:
    from adaseg_fast.data.synthetic import SyntheticScenes  # only who wants scenes need load it

    match = re.fullmatch(r"([1-9][0-9]*)(?:x([1-9][0-9]*))?", where or str(_SYNTHETIC_COUNT))
    if match is None:
        raise ValueError(
            f"data set 'synthetic:{where}': wanted synthetic, synthetic:COUNT or "
            "synthetic:COUNTxSIZE with whole numbers above 0"
        )
    count, side = match.groups()
    if side:
        options["size"] = (int(side), int(side))
    return SyntheticScenes(int(count), split=split, **options)


_OPENERS: dict[str, Callable[..., SegmentationDataset]] = {
    "synthetic": _synthetic,
    "camvid": CamVid,
    "folder": FolderDataset,
}
_WITHOUT_PATH = {"synthetic"}
