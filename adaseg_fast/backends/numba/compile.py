# SPDX-License-Identifier: Apache-2.0
"""How the functions of the Numba backend are compiled: on first use, and kept on disk.

No fast-math anywhere: ownership of pixels is integer arithmetic, and values are to be the same
whatever the number of threads. Integer quotients round down, as Python's do.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from importlib import resources
from typing import Any, TypeVar, cast

from numba import njit
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])


def _digest_of_sources() -> int:
    digest = hashlib.sha256()
    for module in sorted(resources.files(__package__).iterdir(), key=lambda file: file.name):
        if module.name.startswith("_numba_") and module.name.endswith(".py"):
            digest.update(module.read_bytes())
    return int.from_bytes(digest.digest()[:7], "big")


# Numba compiles a kept function anew when the file that holds it changes, and takes no notice of
# the files it calls into. A default value is part of a kernel's signature, however: every kernel
# has this one, so that no change in any of the modules finds an old kernel on disk.
SOURCES = _digest_of_sources()


def _keeping(function: Function) -> Any:
    try:
        return njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # how Numba says that there is no folder it may write to
        warnings.warn(
            "Numba finds no folder to keep compiled functions in, so each process compiles them "
            "anew, which takes seconds; set NUMBA_CACHE_DIR to a folder that can be written to",
            RuntimeWarning,
            stacklevel=2,
        )
        return njit(nogil=True, error_model="numpy")(function)


def kernel(function: Function) -> Function:
    """A function called from Python; its last argument has to be ``sources: int = SOURCES``."""
    return cast("Function", _keeping(function))


def inlined(function: Function) -> Function:
    """A function called by kernels only."""
    compiled = njit(nogil=True, error_model="numpy", forceinline=True)(function)
    return cast("Function", compiled)


def spelled_out(function: Callable[..., Any]) -> Any:
    """A function of types that returns a signature and what writes the LLVM code."""
    return intrinsic(function)
