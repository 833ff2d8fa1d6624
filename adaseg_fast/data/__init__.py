# SPDX-License-Identifier: Apache-2.0
"""Data sets: frames of uint8 pixels and labels, found by a short text such as ``camvid:PATH``."""

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

__all__ = ["DataError", "DatasetInfo", "Frame", "SegmentationDataset", "open_dataset"]

_SYNTHETIC_COUNT = 256


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

    - ``camvid:PATH``, ``folder:PATH``: the folder PATH in the layout that `folder` describes.
    - ``cityscapes:PATH``, ``apolloscape:PATH``, ``synthia:PATH``, ``supervisely:PATH``: the folder
      PATH in the publisher's layout, see the module of that name.
    - ``synthetic``, ``synthetic:COUNT``, ``synthetic:COUNTxSIZE``: COUNT drawn scenes (256 unless
      said) of SIZE x SIZE pixels (the drawer's own default unless said).

    Args:
        spec: ``NAME:WHERE``, as on the command line.
        split: such as ``train`` or ``val``.
        targets: names of the classes whose boundaries matter; the data set's own if None.
        cache: keep frames in memory, see `CachedFrames`.
        seed: of drawn scenes, or of a split that is chosen at random; the data set's own if None.
        instances: hand over which object a pixel belongs to, where the data set knows it.

    Raises:
        ValueError: ``spec`` names no known data set, or is not of the form above, or the data
            set has no class of a name in ``targets``, or nothing random for ``seed``.
        DataError: the data set itself is missing, damaged or inconsistent.
    """
    name, _, where = spec.partition(":")
    if name not in _KINDS:
        raise ValueError(f"data set {spec!r}: no such name; known are {', '.join(_KINDS)}")
    kind = _KINDS[name]
    if not where and kind.needs_path:
        raise ValueError(f"data set {spec!r}: it lies in a folder, so say {name}:PATH")
    options: dict[str, Any] = {}
    if seed is not None:
        if not kind.has_seed:
            raise ValueError(f"data set {spec!r}: nothing in it is random, so it takes no seed")
        options["seed"] = seed
    if kind.has_instances:
        options["instances"] = instances
    frames = kind.open(where, split, **options)
    if targets is not None:
        frames.info = replace(frames.info, targets=frames.info.class_numbers(targets))
    return CachedFrames(frames, instances=instances) if cache else frames


def _synthetic(where: str, split: str, **options: Any) -> SegmentationDataset:
    from adaseg_fast.data.readers.synthetic import (
        SyntheticScenes,  # only who wants scenes need load it
    )

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


class _Kind(NamedTuple):
    """How a data set is opened, and what it can be asked for."""

    open: Callable[..., SegmentationDataset]
    needs_path: bool = True
    has_seed: bool = False
    has_instances: bool = False


_KINDS = {
    "synthetic": _Kind(_synthetic, needs_path=False, has_seed=True),
    "camvid": _Kind(CamVid),
    "cityscapes": _Kind(Cityscapes, has_instances=True),
    "apolloscape": _Kind(ApolloScape, has_instances=True),
    "synthia": _Kind(Synthia, has_seed=True, has_instances=True),
    "supervisely": _Kind(SuperviselyPerson, has_seed=True, has_instances=True),
    "folder": _Kind(FolderDataset),
}
