# SPDX-License-Identifier: Apache-2.0
"""How the functions of the Numba backend are compiled: on first use, and kept on disk.

No fast-math anywhere: ownership of pixels is integer arithmetic, and values are to be the same
whatever the number of threads. Integer quotients round down, as Python's do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib import resources
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def _digest_of_sources() -> int:
    modules = (file for file in resources.files(__package__).iterdir())
    digest = hashlib.sha256()
    for module in sorted(modules, key=lambda file: file.name):
        if module.name.startswith("_numba_") and module.name.endswith(".py"):
            digest.update(module.read_bytes())
    return int.from_bytes(digest.digest()[:7], "big")


# Numba compiles a kept function anew when the file that holds it changes, and takes no notice of
# the files it calls into. A default value is part of a kernel's signature, however: every kernel
# has this one, so that no change in any of the modules finds an old kernel on disk.
SOURCES = _digest_of_sources()


def kernel(function: Function) -> Function:
    """A function called from Python; its last argument has to be ``sources: int = SOURCES``."""
    compiled: Function = njit(nogil=True, cache=True, error_model="numpy")(function)
    return compiled


def inlined(function: Function) -> Function:
    """A function called by kernels only."""
    compiled: Function = njit(nogil=True, error_model="numpy", forceinline=True)(function)
    return compiled
