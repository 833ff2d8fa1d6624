# SPDX-License-Identifier: Apache-2.0
"""Folders of version 0.1.0, in which models of different batch sizes may have one name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from adaseg_fast.engine.experiment.config import SegmenterSection, at_size
from adaseg_fast.engine.experiment.plan import Model
from adaseg_fast.engine.tables import size_text


def keep_batches_apart(plan: Sequence[Model], output: Path, section: SegmenterSection) -> None:
    """Rename the folders of uniform models that were trained with another batch size.

    Version 0.1.0 kept the uniform model of equal cost in the folder of the plain one of the same
    size, although its batch size may differ. What was trained stays in use under its own name.

    Args:
        plan: the models of the experiment.
        output: the folder of the experiment.
        section: settings of the base networks.

    Raises:
        OSError: a folder cannot be renamed.
    """
    if isinstance(section.batch_size, int):
        return
    for model in plan:
        if model.sampling != "uniform":
            continue
        old = Path(f"uniform_{size_text(model.size)}", f"seed_{model.seed}")
        batch = _batch_in(output / "segmenters" / old / "checkpoint.pt")
        if batch is None or batch == at_size(section.batch_size, model.size):
            continue
        for kind in ("evaluations", "segmenters"):  # the checkpoint last: it starts this again
            new = output / kind / Model("uniform", model.size, model.seed, model.size, batch).folder
            if (output / kind / old).is_dir() and not new.exists():
                new.parent.mkdir(parents=True, exist_ok=True)
                (output / kind / old).rename(new)


def _batch_in(checkpoint: Path) -> int | None:
    """The batch size with which a folder's model was trained; None if that cannot be read."""
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
        batch = state["settings"]["batch_size"]
    except Exception:  # whoever needs the checkpoint says what is wrong with it
        return None
    return batch if type(batch) is int else None
