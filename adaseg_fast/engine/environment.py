# SPDX-License-Identifier: Apache-2.0
"""The versions and settings that results and times depend on."""

from __future__ import annotations

import platform

import numpy as np
import torch

import adaseg_fast

Environment = dict[str, str | int | bool | None]


def environment() -> Environment:
    """Versions of this package, of torch, NumPy and Python; machine, backend, number of threads."""
    built = adaseg_fast.build_info()
    return {
        "adaseg_fast": adaseg_fast.__version__,
        **{key: value for key, value in built.items() if not isinstance(value, tuple)},
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
    }
