# SPDX-License-Identifier: Apache-2.0
"""Fast semantic segmentation of high-resolution images by content-adaptive downsampling.

After Marin et al., "Efficient Segmentation: Learning Downsampling Near Semantic Boundaries", 2019.
`load` and `save` read and write trained models. The parts are in ``adaseg_fast.ops`` (operations on
torch tensors), ``adaseg_fast.nn`` (networks) and ``adaseg_fast.backends`` (the operations on NumPy
arrays, without torch).
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING

from adaseg_fast.backends.select import (
    available_backends,
    build_info,
    get_backend,
    set_backend,
    set_cpu_target,
    set_debug,
    use_backend,
)

if TYPE_CHECKING:
    from adaseg_fast.engine.models.files import TrainedSegmenter
    from adaseg_fast.nn import AdaptiveSegmenter

__version__ = "0.2.0.dev0"

__all__ = [
    "__version__",
    "available_backends",
    "build_info",
    "get_backend",
    "load",
    "save",
    "set_backend",
    "set_cpu_target",
    "set_debug",
    "use_backend",
]


def load(
    path: str | os.PathLike[str], *, network: str | Collection[str] | None = None
) -> TrainedSegmenter:
    """Read a trained model from a file that ``train segmenter`` or `save` wrote.

    Args:
        path: the file, usually ``model.safetensors``. It is data: nothing in it is run.
        network: name or names ``MODULE:FACTORY`` of networks outside this package. The factory is
            imported if the file names it and it is named here. None trusts no such name.

    Returns:
        The model in evaluation mode on the CPU. ``model.info`` holds its classes, colours and
        target classes (a `DatasetInfo`), ``model.config`` all settings (a `SegmenterConfig`).

    Raises:
        ModelError: The file is missing, damaged or of another kind, or it names a network that is
            not in ``network``.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> import adaseg_fast
        >>> weights = Path(adaseg_fast.__file__).parent / "weights"
        >>> model = adaseg_fast.load(weights / "demo_adaptive.safetensors")
        >>> model.info.num_classes
        11
        >>> model.predict(torch.zeros(1, 3, 64, 96, dtype=torch.uint8)).shape
        torch.Size([1, 64, 96])
    """
    from pathlib import Path

    from adaseg_fast.engine.models.files import load_segmenter

    trusted = (network,) if isinstance(network, str) else tuple(network or ())
    model, _ = load_segmenter(Path(path), trusted)
    return model


def save(model: AdaptiveSegmenter, path: str | os.PathLike[str]) -> None:
    """Write a trained model to a file that `load` and the command line read.

    Args:
        model: from `load`; or any model whose attribute ``config`` is set to the `SegmenterConfig`
            from which it can be rebuilt. Classes, colours and target classes are those of
            ``model.info``, if that is set, and else those of ``model.config``; ``mean``, ``std``
            and ``value_range`` are those of its downsampler.
        path: the file. It appears whole or not at all.

    Raises:
        ValueError: ``model.config`` is not set, or does not describe the model; or a weight is NaN
            or infinite.
        OSError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import adaseg_fast
        >>> weights = Path(adaseg_fast.__file__).parent / "weights"
        >>> model = adaseg_fast.load(weights / "demo_uniform.safetensors")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     adaseg_fast.save(model, Path(folder, "copy.safetensors"))
        ...     adaseg_fast.load(Path(folder, "copy.safetensors")).info == model.info
        True
    """
    from pathlib import Path

    from adaseg_fast.engine.models.files import save_segmenter

    save_segmenter(Path(path), model)
