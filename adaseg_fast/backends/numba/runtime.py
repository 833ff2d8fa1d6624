# SPDX-License-Identifier: Apache-2.0
"""How the kernels are compiled, what arrays they take, and how they run on threads.

Numba compiles a kernel for each combination of dtype, memory order and write protection it is
called with. So every input is made C-contiguous and write-protected, of one of few dtypes:
sampling tensors are float64, scores and gradients float32 or float64, labels unsigned integers.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from itertools import product
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from adaseg_fast.backends.specs import MOST_THREADS

Array = NDArray[Any]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., Any])

SMALL = 1 << 16  # elements of output below which threads cost more than they save
LEAST_ROWS = 32  # of a band: triangles where two bands meet are scanned twice


# --- Compiling ------------------------------------------------------------------------------------


def _digest_of_sources() -> int:
    digest = hashlib.sha256()
    for file in sorted(resources.files(__package__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            digest.update(file.read_bytes())
    return int.from_bytes(digest.digest()[:7], "big")


# Numba compiles a kernel on disk anew when the file that holds it changes, but not when a file
# that it calls into does. A default value is part of a kernel's signature, so every kernel has
# this one: after a change in any of the files, no old kernel is found.
SOURCES = _digest_of_sources()


def kernel(function: Function) -> Function:
    """Compile a function that Python calls; its last argument must be ``sources: int = SOURCES``.

    It is compiled on its first call, kept on disk, and runs without the interpreter's lock. There
    is no fast-math, and a division by zero is infinity or NaN, as in the C++ kernels.
    """
    try:
        return cast("Function", njit(nogil=True, cache=True, error_model="numpy")(function))
    except RuntimeError:  # Numba found no folder that it may write to
        warnings.warn(
            "Numba finds no folder to keep compiled functions in, so each process compiles them "
            "anew, which takes seconds; set NUMBA_CACHE_DIR to a folder that can be written to",
            RuntimeWarning,
            stacklevel=2,
        )
        return cast("Function", njit(nogil=True, error_model="numpy")(function))


def helper(function: Function) -> Function:
    """Compile a function that only kernels call, as a part of each of them."""
    return cast("Function", njit(nogil=True, error_model="numpy", forceinline=True)(function))


# --- Arrays ---------------------------------------------------------------------------------------


def _require(supported: bool, dtype: np.dtype[Any]) -> None:
    if not supported:
        raise TypeError(f"arrays of dtype {dtype} are not supported")


def compute_type(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """The type to compute in: float32 for float16 and float32, float64 for float64.

    Raises:
        TypeError: ``dtype`` is none of these.
    """
    _require(dtype.kind == "f" and dtype.itemsize <= 8, dtype)
    return np.float64 if dtype.itemsize == 8 else np.float32


def protected(array: Array) -> Array:
    """The same memory, write-protected."""
    view = array.view()
    view.flags.writeable = False
    return view


def contiguous(array: Array, dtype: Any) -> Array:
    """C-contiguous, write-protected and of the given dtype; a copy where that is needed."""
    return protected(np.ascontiguousarray(array, dtype))


def bit_patterns(array: Array) -> Array:
    """The same memory as unsigned integers, which is enough to copy elements or compare them.

    Raises:
        TypeError: the elements are neither booleans nor numbers of at most 8 bytes.
    """
    _require(array.dtype.kind in "biuf" and array.itemsize <= 8, array.dtype)
    return array.view(f"u{array.itemsize}")


def finite_grid(phi: Array) -> Floats:
    """A sampling tensor as float64, contiguous and write-protected.

    Raises:
        TypeError: ``phi`` is not of a floating-point dtype of at most 8 bytes.
        ValueError: ``phi`` holds NaN or infinity.
    """
    compute_type(phi.dtype)
    if not np.isfinite(phi).all():
        raise ValueError("phi holds NaN or infinity; finite coordinates in [0, 1] are wanted")
    return contiguous(phi, np.float64)


def store(values: Array, to: Array) -> None:
    """Round to the dtype of ``to``; what is beyond its range becomes infinity, without warning."""
    if values is to:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        to[...] = values


def widened(out: Array) -> Array:
    """``out``, or an array to compute in where its dtype is float16; see ``store``."""
    kind = compute_type(out.dtype)
    return out if out.dtype == kind else np.empty(out.shape, kind)


# --- Threads --------------------------------------------------------------------------------------


def run(work: Callable[[Any], object], pieces: Iterable[Any], threads: int, elements: int) -> None:
    """Call ``work`` with each piece, on at most ``threads`` threads; on one if the work is little.

    Threads live as long as one call, so that a forked child misses none.

    Args:
        work: called with a piece; the kernels in it run without the interpreter's lock.
        pieces: independent of each other.
        threads: at most so many.
        elements: of the whole output.

    Raises:
        Exception: the first one, in the order of the pieces, that ``work`` raised.
    """
    todo = list(pieces)
    workers = min(threads, MOST_THREADS, len(todo)) if elements > SMALL else 1
    if workers <= 1:
        for piece in todo:
            work(piece)
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(work, todo):
            pass


def run_bands(work: Callable[[int, int, int], object], out: Array, threads: int) -> None:
    """Call ``work(item, first row, row after the last)`` for bands of ``out`` (N, ..., H, W).

    A few bands per thread even out unequal work; more would repeat work where they meet.
    """
    items, height = out.shape[0], out.shape[-2]
    wanted = -(-4 * threads // max(items, 1)) if threads > 1 else 1
    rows = max(-(-height // wanted), LEAST_ROWS)
    starts = product(range(items), range(0, height, rows))
    bands = [(n, begin, min(begin + rows, height)) for n, begin in starts]
    run(lambda band: work(*band), bands, threads, out.size)
