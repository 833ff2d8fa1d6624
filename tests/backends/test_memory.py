# SPDX-License-Identifier: Apache-2.0
"""Memory as it comes from files and buffers: misaligned, read-only, reversed; inputs stay whole."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adaseg_fast import backends
from support.arrays import Array
from support.compare import assert_same
from support.grids import grids, patchwork

every_backend = pytest.mark.parametrize("backend", backends.available_backends())

SIZE = (13, 11)
RNG = np.random.default_rng(0)
PHI = grids("moved", (4, 5), SIZE, items=2, dtype=np.float32)
SCORES = RNG.normal(size=(2, 3, 4, 5)).astype(np.float32)
IMAGE = RNG.normal(size=(2, 3, 9, 8)).astype(np.float32)
LABELS = np.stack([patchwork(RNG, (12, 10)) for _ in range(2)]).astype(np.int32)

# Operation -> what it reads, and the call on that.
CALLS: dict[str, tuple[tuple[Array, ...], Callable[..., Any]]] = {
    "sample": ((IMAGE, PHI), backends.sample),
    "sample, normalised": (
        (IMAGE, PHI),
        lambda image, phi: backends.sample(image, phi, mean=[1, 2, 3], std=[4, 5, 6]),
    ),
    "triangles": ((PHI,), lambda phi: backends.triangles(phi, SIZE)),
    "rasterize": ((PHI,), lambda phi: backends.rasterize(phi, SIZE)[0]),
    "interpolate": ((SCORES, PHI), lambda *args: backends.interpolate(*args, SIZE)),
    "interpolate_argmax": ((SCORES, PHI), lambda *args: backends.interpolate_argmax(*args, SIZE)),
    "boundary_mask": ((LABELS,), backends.boundary_mask),
    "nearest_boundary": ((LABELS,), lambda labels: backends.nearest_boundary(labels, (4, 5))),
    "solve_sampling": ((PHI,), backends.solve_sampling),
    "sampling_energy": ((PHI, PHI[::-1]), backends.sampling_energy),
}
every_call = pytest.mark.parametrize("name", CALLS)


def misaligned(array: Array) -> Array:
    """One byte off what its type asks for."""
    raw = np.zeros(array.nbytes + array.itemsize, np.uint8)
    start = 1 if raw.ctypes.data % array.itemsize == 0 else 0
    view = raw[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned
    return view


def in_a_record(array: Array) -> Array:
    """A field of packed records: strides that are no whole number of elements."""
    records = np.zeros(array.shape, [("tag", np.uint8), ("value", array.dtype)])
    records["value"] = array
    return records["value"]


def all_axes_reversed(array: Array) -> Array:
    every = (slice(None, None, -1),) * array.ndim
    return np.ascontiguousarray(array[every])[every]


@every_call
@every_backend
@pytest.mark.parametrize("place", [misaligned, in_a_record, all_axes_reversed])
def test_odd_memory(backend: str, name: str, place: Callable[[Array], Array]) -> None:
    inputs, call = CALLS[name]
    with backends.use_backend(backend):
        assert_same(call(*map(place, inputs)), call(*inputs))


@pytest.fixture
def from_file(tmp_path: Path) -> Iterator[Callable[[Array], Array]]:
    """Arrays in pages that the system lets nobody write to: a write ends the process."""
    opened: list[mmap.mmap] = []

    def place(array: Array) -> Array:
        path = tmp_path / str(len(opened))
        path.write_bytes(array.tobytes())
        with path.open("rb") as file:
            opened.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        view = np.frombuffer(opened[-1], array.dtype).reshape(array.shape)
        assert not view.flags.writeable
        return view

    yield place


@every_call
@every_backend
def test_read_only_memory(backend: str, name: str, from_file: Callable[[Array], Array]) -> None:
    inputs, call = CALLS[name]
    with backends.use_backend(backend):
        assert_same(call(*map(from_file, inputs)), call(*inputs))


@every_call
@every_backend
def test_nothing_is_left_of_an_empty_batch(backend: str, name: str) -> None:
    inputs, call = CALLS[name]
    with backends.use_backend(backend):
        found, whole = call(*(array[:0] for array in inputs)), call(*inputs)
    assert (found.shape, found.dtype) == ((0, *whole.shape[1:]), whole.dtype)


@every_call
@every_backend
def test_threads_of_any_number(backend: str, name: str) -> None:
    """None, and far more than there is work for; none at all and thousands are refused."""
    if name == "sampling_energy":
        pytest.skip("takes no number of threads")
    inputs, _ = CALLS[name]
    function = getattr(backends, name.partition(",")[0])
    sized = {"boundary_mask": (), "sample": (), "solve_sampling": ()}
    rest = sized.get(function.__name__, (SIZE,))
    with backends.use_backend(backend):
        expected = function(*inputs, *rest, threads=1)
        for threads in (-1, 0, 1025, 2**30, 2**31 - 1):
            with pytest.raises(ValueError, match=f"threads must be from 1 to 1024, got {threads}"):
                function(*inputs, *rest, threads=threads)
        for threads in (None, 100, 1024):
            found = function(*inputs, *rest, threads=threads)
            if function is backends.rasterize:
                assert_same(found[0], expected[0])
                assert_same(found[1], expected[1])
            else:
                assert_same(found, expected)
