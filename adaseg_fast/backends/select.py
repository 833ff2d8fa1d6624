# SPDX-License-Identifier: Apache-2.0
"""Which backend is in use, and how to choose another."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from adaseg_fast.backends.protocol import DeviceKernels, Kernels

if TYPE_CHECKING:  # mypy compares each implementation with the protocol
    from adaseg_fast.backends import native, numba, reference
    from adaseg_fast.backends.cuda import CudaKernels

    _backends: tuple[Kernels, ...] = (native, numba, reference)
    _cuda: type[DeviceKernels] = CudaKernels

# In order of preference.
BACKENDS = {
    "native": "adaseg_fast.backends.native",
    "numba": "adaseg_fast.backends.numba",
    "reference": "adaseg_fast.backends.reference",
}

_chosen: str | None = None
_kernels: Kernels | None = None  # those of _chosen, once kernels() has loaded them
_debug = False


def _load(name: str) -> Kernels:
    if name not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {name!r}")
    return cast(Kernels, importlib.import_module(BACKENDS[name]))


def _loads(name: str) -> bool:
    try:
        _load(name)
    except ImportError:
        return False
    return True


def available_backends() -> tuple[str, ...]:
    """List the backends that load on this machine.

    Returns:
        Their names, fastest first; "reference" is always among them.

    Example:
        >>> "reference" in available_backends()
        True
    """
    return tuple(name for name in BACKENDS if _loads(name))


def get_backend() -> str:
    """Return the name of the backend in use: the first that loads, unless one was set.

    Warns once (``RuntimeWarning``) if the compiled kernels are missing.

    Returns:
        One of ``available_backends()``.

    Example:
        >>> get_backend() in available_backends()
        True
    """
    global _chosen
    if _chosen is None:
        _chosen = next(name for name in BACKENDS if _loads(name))  # imports no backend after it
        if _chosen != "native":
            warnings.warn(
                f"adaseg_fast was installed without its compiled kernels; the slower {_chosen!r} "
                "backend serves. Install a C++17 compiler and reinstall to get them.",
                RuntimeWarning,
                stacklevel=2,
            )
    return _chosen


def set_backend(name: str) -> None:
    """Use another backend from now on, for NumPy arrays and for tensors on the CPU.

    Args:
        name: "native" (compiled), "numba" or "reference" (slow, written for clarity).

    Raises:
        ValueError: There is no backend of that name.
        ImportError: The backend cannot be loaded on this machine.

    Example:
        >>> before = get_backend()
        >>> set_backend("reference")
        >>> get_backend()
        'reference'
        >>> set_backend(before)
    """
    global _chosen, _kernels
    _kernels = _load(name)
    _chosen = name


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Use another backend within a ``with`` block.

    Args:
        name: As for ``set_backend``.

    Raises:
        ValueError: There is no backend of that name.
        ImportError: The backend cannot be loaded on this machine.

    Example:
        >>> with use_backend("reference"):
        ...     get_backend()
        'reference'
    """
    before = get_backend()
    set_backend(name)
    try:
        yield
    finally:
        set_backend(before)


def set_debug(on: bool) -> None:
    """Turn synchronous CUDA error checking on or off.

    While it is on, each call on a CUDA device waits for its result and raises its own errors,
    instead of a later call. NaN or infinity in ``phi`` is then a ``ValueError``, as it always is on
    the CPU. Calls on the CPU do not change. Turn it off to capture a CUDA graph.

    Args:
        on: Whether to check; off by default.

    Example:
        >>> set_debug(True)
        >>> set_debug(False)
    """
    global _debug
    _debug = bool(on)


def get_debug() -> bool:
    """Whether ``set_debug`` is on."""
    return _debug


def set_cpu_target(name: str) -> None:
    """Use the compiled kernels' loops for another instruction set from now on.

    All targets give the same bits. At first the best one of the machine is used, or the one that
    the environment variable ``ADASEG_CPU`` names. ``build_info()`` tells which ones the machine
    has.

    Args:
        name: "avx512", "avx2" or "baseline" on x86-64, "neon" on 64-bit ARM, "baseline" elsewhere.

    Raises:
        ValueError: This machine, or the compiled module, has no such target.
        ImportError: The compiled kernels cannot be loaded; other backends have no targets.

    Example:
        >>> info = build_info()
        >>> if info["backend"] == "native":
        ...     set_cpu_target(info["cpu_targets"][-1])
        ...     set_cpu_target(info["cpu_target"])
    """
    if not _loads("native"):
        raise ImportError(
            "adaseg_fast was installed without its compiled kernels, and only these have CPU "
            "targets. Install a C++17 compiler and reinstall to get them."
        )
    importlib.import_module("adaseg_fast._native").set_cpu_target(name)


def kernels() -> Kernels:
    """Return the module of the backend in use.

    Returns:
        The kernels, which fill arrays that the caller made; ``protocol.Kernels`` documents them.

    Example:
        >>> with use_backend("reference"):
        ...     kernels().__name__
        'adaseg_fast.backends.reference'
    """
    global _kernels
    if _kernels is None:
        _kernels = _load(get_backend())
    return _kernels


def build_info() -> dict[str, str | bool | tuple[str, ...]]:
    """Describe the kernels in use on this machine.

    Returns:
        ``backend``: the name of the backend. ``cuda``: False, or the toolkit and the architectures
        that the CUDA kernels were built for. For the compiled kernels also their ``version``,
        whether they use ``openmp``, the ``cpu_targets`` that this machine has, best first, and the
        ``cpu_target`` in use (see ``set_cpu_target``).

    Example:
        >>> build_info()["backend"] == get_backend()
        True
    """
    info: dict[str, str | bool | tuple[str, ...]] = {"backend": get_backend(), "cuda": False}
    if not _loads("native"):
        return info
    native = importlib.import_module("adaseg_fast._native")
    if hasattr(native, "cuda"):
        info["cuda"] = f"{native.cuda.toolkit}: {native.cuda.architectures}"
    if info["backend"] == "native":
        info |= {
            "version": native.__version__,
            "openmp": native.openmp,
            "cpu_target": native.cpu_target(),
            "cpu_targets": tuple(native.cpu_targets()),
        }
    return info


def default_threads() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
