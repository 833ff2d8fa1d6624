# SPDX-License-Identifier: Apache-2.0
"""CamVid street scenes (Brostow et al. 2009), 960x720, 11 classes, in the layout of `folder`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from adaseg_fast.data.readers.folder import FolderDataset

TARGETS = ("Pole", "SignSymbol", "Car", "Pedestrian", "Bicyclist")


class CamVid(FolderDataset):
    """A split of CamVid. Its targets are the small and thin things.

    Args:
        root: the folder that holds ``images``, ``labels`` and ``classes.json``.
        split: ``train``, ``val`` or another folder in ``images``.
        targets: names of the classes whose boundaries matter by default.

    Raises:
        DataError: as in `FolderDataset`, or a class in ``targets`` does not exist.
        ValueError: ``targets`` is empty.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str,
        *,
        targets: Sequence[str] = TARGETS,
    ) -> None:
        super().__init__(root, split, targets=targets, name="CamVid")
