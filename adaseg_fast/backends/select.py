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
_kernels: ModuleType | None = None  # of the chosen one, once they were asked for
_debug = False


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
    global _chosen, _kernels
    _kernels = _load(name)
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


def set_debug(on: bool) -> None:
    """Look for errors of calls on CUDA devices at once, which waits for the device at each.

    With it NaN or infinity in ``phi`` is a ValueError there too, as it always is on the CPU, and a
    kernel that fails raises in its own call instead of at some later one. It changes nothing on
    the CPU. Not to be used while a CUDA graph is captured.
    """
    global _debug
    _debug = bool(on)


def get_debug() -> bool:
    """Whether ``set_debug`` is on."""
    return _debug


def kernels() -> ModuleType:
    """The module of the backend in use."""
    global _kernels
    if _kernels is None:
        _kernels = _load(get_backend())
    return _kernels


def build_info() -> dict[str, str | bool]:
    """What serves on this machine.

    Returns:
        ``backend`` in use and, for the compiled kernels, their ``version``, whether they use
        ``openmp``, and the ``instruction_set`` of their hot loops, chosen when they were loaded;
        ``cuda``, false or the toolkit and the architectures that there are CUDA kernels for.
    """
    info: dict[str, str | bool] = {"backend": get_backend(), "cuda": False}
    if not _loads("native"):
        return info
    native = importlib.import_module("adaseg_fast._native")
    if hasattr(native, "cuda"):
        info["cuda"] = f"{native.cuda.toolkit}: {native.cuda.architectures}"
    if info["backend"] == "native":
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
