# SPDX-License-Identifier: Apache-2.0
"""The loss and the learning rate of a training for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any


class Scalars:
    """A log in ``folder/tensorboard`` that is open while a ``with`` block lasts.

    Args:
        folder: the output folder of the training; None writes nothing.
        first_step: values that an interrupted run wrote for this step and later ones are dropped.

    Raises:
        ValueError: The package ``tensorboard`` is not installed.
    """

    def __init__(self, folder: Path | None, first_step: int) -> None:
        self._writer: Any = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ValueError(
                f"--tensorboard needs the package tensorboard ({error}); "
                'pip install "adaseg-fast[tensorboard]"'
            ) from error
        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step)

    def add(self, step: int, **values: float) -> None:
        """Write named values for a step."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def __enter__(self) -> Scalars:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()
