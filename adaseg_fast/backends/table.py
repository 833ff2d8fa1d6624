# SPDX-License-Identifier: Apache-2.0
"""Which implementation of the kernels serves, and how to choose another."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

# In order of preference.
BACKENDS = {
    "native": "adaseg_fast.backends.native",
    "numba": "adaseg_fast.backends.numba",
    "reference": "adaseg_fast.backends.reference",
}

_chosen: str | None = None


def _load(name: str) -> ModuleType:
    if name not in BACKENDS:
        raise ValueError(f"backend has to be one of {', '.join(BACKENDS)}, got {name!r}")
    return importlib.import_module(BACKENDS[name])


def _loads(name: str) -> bool:
    try:
        _load(name)
    except ImportError:
        return False
    return True


def available_backends() -> tuple[str, ...]:
    """Names of the backends that load on this machine, fastest first."""
    return tuple(name for name in BACKENDS if _loads(name))


def get_backend() -> str:
    """Name of the backend in use; the first that loads unless one was set."""
    global _chosen
    if _chosen is None:
        _chosen = next(name for name in BACKENDS if _loads(name))  # and no other is imported
        if _chosen != "native":
            warnings.warn(
                f"adaseg_fast was installed without its compiled kernels; the slower {_chosen!r} "
                "backend serves. Install a C++17 compiler and reinstall to get them.",
                RuntimeWarning,
                stacklevel=2,
            )
    return _chosen


def set_backend(name: str) -> None:
    """Use the backend called ``name`` from now on; ImportError where it cannot be loaded."""
    global _chosen
    _load(name)
    _chosen = name


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Use another backend within a ``with`` block."""
    before = get_backend()
    set_backend(name)
    try:
        yield
    finally:
        set_backend(before)


def kernels() -> ModuleType:
    """The module of the backend in use."""
    return _load(get_backend())


def build_info() -> dict[str, str | bool]:
    """What serves on this machine.

    Returns:
        ``backend`` in use and, for the compiled kernels, their ``version``, whether they use
        ``openmp``, and the ``instruction_set`` of their hot loops, chosen when they were loaded.
    """
    info: dict[str, str | bool] = {"backend": get_backend()}
    if info["backend"] == "native":
        native = importlib.import_module("adaseg_fast._native")
        info |= {
            "version": native.__version__,
            "openmp": native.openmp,
            "instruction_set": native.instruction_set,
        }
    return info


def default_threads() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
