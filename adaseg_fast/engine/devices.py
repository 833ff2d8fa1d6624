# SPDX-License-Identifier: Apache-2.0
"""Which device a command uses, and whether it runs in several processes.

This module loads without torch.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from adaseg_fast.backends.select import build_info

if TYPE_CHECKING:
    import torch


def device_of(name: str) -> torch.device:
    """The device with a name.

    Args:
        name: cpu, cuda or cuda:N.

    Returns:
        The device.

    Raises:
        ValueError: This machine has no such device, or no kernels were built for it.

    Example:
        >>> device_of("cpu")
        device(type='cpu')
    """
    import torch

    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise ValueError(f"device must be cpu, cuda or cuda:N, got {name!r}")
    if kind == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count()
    if int(number or 0) >= count:
        raise ValueError(f"device {name!r}: torch finds {count} CUDA devices on this machine")
    if not build_info()["cuda"]:
        raise ValueError(
            f"device {name!r}: adaseg_fast was built without CUDA kernels; install it again where "
            "nvcc is found, and set ADASEG_CUDA=ON in the environment to be told what is missing"
        )
    return torch.device("cuda", int(number or 0))


def several_processes() -> bool:
    """Whether ``torchrun`` started this process among others.

    Returns:
        True if there is more than one process.

    Example:
        >>> several_processes()
        False
    """
    return int(os.environ.get("WORLD_SIZE", "1")) > 1
