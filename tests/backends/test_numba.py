# SPDX-License-Identifier: Apache-2.0
"""What is particular to the Numba backend: when it serves, threads, forks, what is compiled when.

That its results are those of the oracle is tested with every other backend's.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core import config as numba_config

import adaseg_fast
from adaseg_fast import backends
from support.arrays import LAYOUTS, Array, with_layout
from support.compare import NEAR_TIE, assert_same, lost_scores
from support.grids import Case, cases, cover, grids, patchwork, uniform

pytest.importorskip("numba")

from adaseg_fast.backends import numba as numba_backend
from adaseg_fast.backends.numba import changes as _numba_changes
from adaseg_fast.backends.numba import half as _numba_half
from adaseg_fast.backends.numba import lattice as _numba_lattice
from adaseg_fast.backends.numba import threads as _numba_threads

SECONDS = 120
PACKAGE = Path(adaseg_fast.__file__).parent
MODULES = sorted((PACKAGE / "backends").glob("_numba_*.py"))


def run_script(code: str, folder: Path, package: Path = PACKAGE, **environment: str) -> str:
    """Output of a fresh process, warnings being errors."""
    script = folder / "script.py"
    script.write_text(code)
    search = os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": search} | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- When it serves -------------------------------------------------------------------------------


def test_it_serves_where_the_native_module_is_missing(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["adaseg_fast._native"] = None
import warnings
import numpy as np
import adaseg_fast
from adaseg_fast import backends
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    labels = backends.boundary_mask(np.array([[[1, 1, 2]]], np.uint8))
print(adaseg_fast.get_backend())
print(labels.tolist())
print(*(str(warning.message) for warning in caught), sep="\\n")
"""
    name, labels, *warned = run_script(code, tmp_path).splitlines()
    assert (name, labels) == ("numba", "[[[False, True, True]]]")
    (warning,) = warned
    assert "without its compiled kernels; the slower 'numba' backend serves" in warning


@pytest.mark.skipif(
    "native" not in backends.available_backends(), reason="the native module is not built"
)
def test_who_has_the_native_module_never_imports_numba(tmp_path: Path) -> None:
    code = """
import sys
import numpy as np
from adaseg_fast import backends
backends.boundary_mask(np.zeros((1, 2, 2), np.uint8))
print("numba" in sys.modules)
"""
    assert run_script(code, tmp_path) == "False"


# --- Threads and forks ----------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads that the backend has started."""
    found: list[threading.Thread] = []

    class Counted(threading.Thread):
        def start(self) -> None:
            found.append(self)
            super().start()

    monkeypatch.setattr(_numba_threads, "Thread", Counted)
    return found


@pytest.mark.parametrize(("threads", "helpers"), [(1, 0), (2, 1), (4, 3), (9, 4)])
def test_threads(threads: int, helpers: int, started: list[threading.Thread]) -> None:
    """Every piece once, on the calling thread and no more others than are asked for or needed."""
    found: list[int] = []
    _numba_threads.run(found.append, range(5), threads)
    assert sorted(found) == list(range(5))
    assert len(started) == helpers
    assert not any(thread.is_alive() for thread in started)
    _numba_threads.run(found.append, [], threads)
    assert len(started) == helpers


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_on_a_thread_reaches_the_caller(threads: int) -> None:
    def work(piece: int) -> None:
        if piece == 2:
            raise KeyError(piece)

    with pytest.raises(KeyError, match="2"):
        _numba_threads.run(work, range(5), threads)


def test_little_work_makes_no_thread(started: list[threading.Thread]) -> None:
    for side, expected in ((60, 0), (600, 3)):
        with backends.use_backend("numba"):
            backends.boundary_mask(np.zeros((2, side, side), np.uint8), threads=4)
        assert len(started) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_goes_on(tmp_path: Path) -> None:
    code = """
import multiprocessing
import numpy as np
from adaseg_fast import backends

def labels(threads):
    rng = np.random.default_rng(0)
    phi, scores = rng.random((1, 2, 6, 5)), rng.normal(size=(1, 4, 6, 5))
    return backends.interpolate_argmax(scores, phi, (400, 400), threads=threads).tobytes()

def child(queue, expected):
    queue.put(labels(2) == labels(1) == expected)

backends.set_backend("numba")
expected = labels(2)
context = multiprocessing.get_context("fork")
queue = context.Queue()
children = [context.Process(target=child, args=(queue, expected)) for _ in range(2)]
for process in children:
    process.start()
print([queue.get(timeout=60) for _ in children], labels(2) == expected)
for process in children:
    process.join()
"""
    assert run_script(code, tmp_path) == "[True, True] True"


# --- What is compiled when ------------------------------------------------------------------------

COUNT = """
import sys
import numpy as np
from adaseg_fast import backends
backends.set_backend("numba")
to_image = np.empty((1, 1, 2, 2))
backends.kernels().sample_backward(np.ones((1, 1, 2, 2)), np.zeros((1, 2, 2, 2)), to_image, [], 1)
assert to_image.tolist() == [[[[4, 0], [0, 0]]]]
from adaseg_fast.backends.numba import sample as _numba_sample
kernels = _numba_sample.pixel_offsets, _numba_sample.scatter
print(*(sum(sum(getattr(k.stats, name).values()) for k in kernels)
        for name in ("cache_hits", "cache_misses")))
"""


def test_a_second_process_finds_the_kernels_on_disk(tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    assert run_script(COUNT, tmp_path, NUMBA_CACHE_DIR=cache) == "0 2"
    assert run_script(COUNT, tmp_path, NUMBA_CACHE_DIR=cache) == "2 0"


def test_a_change_in_another_module_is_noticed(tmp_path: Path) -> None:
    """Numba by itself looks at the file of the kernel only."""
    package = tmp_path / "adaseg_fast"
    for file in (PACKAGE / "__init__.py", *(PACKAGE / "backends").glob("*.py")):
        copy = package / file.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    assert run_script(COUNT, tmp_path, package) == "0 2"
    assert run_script(COUNT, tmp_path, package) == "2 0"
    with (package / "backends" / "_numba_half.py").open("a") as module:
        module.write("# changed\n")
    assert run_script(COUNT, tmp_path, package) == "0 2"


@pytest.mark.skipif(
    not hasattr(numba_config, "CACHE_LOCATOR_CLASSES"), reason="Numba always finds a folder"
)
def test_without_a_folder_to_keep_kernels_in_a_warning_says_so(tmp_path: Path) -> None:
    code = """
import warnings
import numpy as np
from adaseg_fast import backends
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    backends.set_backend("numba")
print({str(warning.message).partition(",")[0] for warning in caught})
print(backends.sample(np.ones((1, 1, 2, 2)), np.zeros((1, 2, 1, 1))).tolist())
"""
    (tmp_path / "file").touch()
    output = run_script(
        code,
        tmp_path,
        NUMBA_CACHE_DIR=str(tmp_path / "file" / "folder"),
        NUMBA_CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator",
    )
    assert output.splitlines() == [
        "{'Numba finds no folder to keep compiled functions in'}",
        "[[[[1.0]]]]",
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_kernel_depends_on_all_sources(path: Path) -> None:
    """A kernel without it would be taken from disk although a function it calls has changed."""
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        names = [ast.unparse(decorator) for decorator in node.decorator_list]
        last = ast.unparse(node.args).rpartition(", ")[2]
        assert ("kernel" in names) == (last == "sources: int=SOURCES"), node.name
        assert "njit" not in names


def all_kernels() -> dict[str, Any]:
    modules = [sys.modules[f"adaseg_fast.backends.{path.stem}"] for path in MODULES]
    return {
        f"{module.__name__}.{name}": function
        for module in modules
        for name, function in vars(module).items()
        if hasattr(function, "signatures") and function.__module__ == module.__name__
    }


def test_memory_layouts_share_their_kernels() -> None:
    """Strides, write protection and threads lead to no further compilation."""
    rng = np.random.default_rng(0)
    size = (19, 14)
    kernels = numba_backend
    counts = []
    for layout in LAYOUTS:
        phi = with_layout(grids("folded", (4, 5), size, items=3, dtype=np.float32), layout)
        scores = with_layout(rng.normal(size=(3, 4, 4, 5)).astype(np.float32), layout)
        image = with_layout(rng.integers(0, 9, (3, 2, *size), np.uint8), layout)
        grad = with_layout(rng.normal(size=(3, 4, *size)).astype(np.float32), layout)
        plain = "transposed" if layout == "channels_last" else layout
        labels = with_layout(np.stack([patchwork(rng, size)] * 3), plain)
        for threads in (1, 2):
            for protect in (False, True):
                arrays = [array.view() for array in (phi, scores, image, grad, labels)]
                for array in arrays:
                    array.flags.writeable = not protect and array.flags.writeable
                phi, scores, image, grad, labels = arrays
                items = len(phi)
                to_scores, to_phi = (np.empty(a.shape, a.dtype) for a in (scores, phi))
                kernels.interpolate_backward(grad, scores, phi, to_scores, to_phi, 0, threads)
                to_image = np.empty((items, 4, *size), np.float32)
                kernels.sample_backward(scores, phi, to_image, [], threads)
                with backends.use_backend("numba"):
                    backends.sample(image, phi, threads=threads)
                    backends.triangles(phi, size, threads=threads)
                    backends.rasterize(phi, size, threads=threads)
                    backends.interpolate(scores, phi, size, threads=threads)
                    backends.interpolate_argmax(scores, phi, size, threads=threads)
                    backends.boundary_mask(labels, classes=[1], threads=threads)
                    backends.nearest_boundary(labels, (3, 3), threads=threads)
        counts.append({name: len(kernel.signatures) for name, kernel in all_kernels().items()})
    assert len(counts[0]) > 40
    assert all(count == counts[0] for count in counts)


# --- Shortcuts that only this backend takes -------------------------------------------------------


def check_labels(scores: Array, phi: Array, size: tuple[int, int]) -> None:
    """The argmax of the values but for near ties, and 255 where there is no triangle."""
    with backends.use_backend("numba"):
        labels = backends.interpolate_argmax(scores, phi, size)
        values = backends.interpolate(scores.astype(np.float64), phi, size)
        faces, _ = backends.rasterize(phi, size)
    assert (labels[faces < 0] == 255).all()
    inside = np.where(faces < 0, 0, labels)
    values[:, 0][faces < 0] = 1 + values.max(initial=0)
    assert (lost_scores(inside, values) < NEAR_TIE * np.abs(scores).max()).all()


@given(case=cases(most=120), classes=st.integers(2, 40), patches=st.integers(1, 9))
def test_labels_are_the_argmax_of_the_values(case: Case, classes: int, patches: int) -> None:
    shape = case.phi.shape[2:]
    best = patchwork(case.rng, shape, classes, patches) == np.arange(classes)[:, None, None]
    scores = case.rng.normal(size=(len(case.phi), classes, *shape)) + 6 * best
    check_labels(scores.astype(np.float32), case.phi, case.size)


@pytest.mark.parametrize("seed", range(10))
def test_a_turned_over_cell_in_a_plain_grid(seed: int) -> None:
    """The image is painted triangle by triangle then: some pixels have several."""
    rng = np.random.default_rng(seed)
    phi = uniform(12, 12)
    phi[:, rng.integers(1, 11), rng.integers(1, 11)] += rng.normal(0, 0.15, 2)
    best = patchwork(rng, (12, 12), 6, 6) == np.arange(6)[:, None, None]
    scores = (rng.normal(size=(1, 6, 12, 12)) + 6 * best).astype(np.float32)
    check_labels(scores, cover(phi)[None], (150, 170))


@pytest.mark.parametrize("count", [0, 30, 3000])
def test_rows_as_sums_of_changes(count: int) -> None:
    """In any order, coinciding, beyond the row's end; few a row and so many that gaps are taken."""
    rng = np.random.default_rng(count)
    rows, cols = rng.integers(5, 9, count), rng.integers(0, 220, count)
    values = rng.integers(-(1 << 30), 1 << 30, count)
    changes = np.empty((count, 2), np.int64)
    expected = np.zeros((12, 220), np.int64)
    for k, (row, col, value) in enumerate(zip(rows, cols, values, strict=True)):
        assert _numba_changes.add(changes, k, int(row), int(col), int(value)) == k + 1
        expected[row, col] += value
    out = np.full((12, 200), 7, np.int64)
    _numba_changes.write_rows(changes, count, 5, 9, out)
    assert_same(out[5:9], expected[5:9, :200].cumsum(1))
    assert (np.delete(out, slice(5, 9), 0) == 7).all()


@pytest.mark.parametrize("width", [1, 15, 16, 17, 33, 200])
@pytest.mark.parametrize("shape", [(2, 2), (2, 40), (3, 5)])
def test_rows_of_any_number_of_lanes(width: int, shape: tuple[int, int]) -> None:
    """Runs are written a few pixels at once: over what is written later, never beyond the row."""
    rng = np.random.default_rng(0)
    phi = cover(uniform(*shape) + rng.normal(0, 0.1 / max(shape), (2, *shape)))[None]
    scores = rng.normal(size=(1, 3, *shape))
    memory = np.full(64 + 3 * 5 * width, 9.0)
    numba_backend.interpolate(scores, phi, memory[32:-32].reshape(1, 3, 5, width), 0, 1)
    with backends.use_backend("reference"):
        values = backends.interpolate(scores, phi, (5, width))
    np.testing.assert_allclose(memory[32:-32], values.reshape(-1), rtol=0, atol=1e-12)
    assert (memory[:32] == 9).all()
    assert (memory[-32:] == 9).all()


def test_every_half() -> None:
    """All float16 numbers, and what lies around the middle between two of them."""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    with np.errstate(invalid="ignore"):
        middles = (halves[:-1] + halves[1:]) / 2
    near = [np.nextafter(middles, np.float32(side)) for side in (-np.inf, np.inf)]
    values = np.concatenate([halves, middles, *near, np.float32([65519, 65520, 1e30, 1e-30])])
    found = np.empty((1, 1, len(values)), np.uint16)
    _numba_half.write_half(values.reshape(1, 1, -1), 0, found)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = values.astype(np.float16)
    actual = found.reshape(-1).view(np.float16)
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected))
    number = ~np.isnan(expected)
    assert_same(actual[number], expected[number])


def test_wide_products() -> None:
    """Which diagonal is Delaunay's is decided by products of more than 64 bits."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        p, s = (int(x) for x in rng.integers(0, 1 << 62, 2) >> rng.integers(0, 62, 2))
        q, t = (int(x) for x in rng.integers(-(1 << 62), 1 << 62, 2) >> rng.integers(0, 62, 2))
        for pair in ((q, t), (q, -q), (-t, t)):
            found = _numba_lattice._sum_is_not_negative(p, pair[0], s, pair[1])
            assert found == (p * pair[0] + s * pair[1] >= 0)
        assert _numba_lattice._sum_is_not_negative(p, q, abs(q), p if q < 0 else -p)


def test_types_that_are_not_supported() -> None:
    with backends.use_backend("numba"):
        for dtype in (np.complex64, "datetime64[s]"):
            with pytest.raises(TypeError, match=r"arrays of dtype .* are not supported"):
                backends.sample(np.zeros((1, 1, 2, 2), dtype), uniform(2, 2)[None])
