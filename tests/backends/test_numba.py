# SPDX-License-Identifier: Apache-2.0
"""What is particular to the Numba backend: when it serves, threads, forks, what is compiled when.

That its results are those of the oracle is tested with every other backend's.
"""

from __future__ import annotations

import ast
import importlib
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core import config as numba_config

import adaseg_fast
from adaseg_fast import backends
from support.arrays import LAYOUTS, with_layout
from support.grids import grids, patchwork

pytest.importorskip("numba")

from adaseg_fast.backends import numba as numba_backend
from adaseg_fast.backends.numba import runtime

SECONDS = 120
PACKAGE = Path(adaseg_fast.__file__).parent
FOLDER = PACKAGE / "backends" / "numba"
MODULES = sorted(FOLDER.rglob("*.py"))


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
    """The threads that are started meanwhile."""
    found: list[threading.Thread] = []

    class Counted(threading.Thread):
        def start(self) -> None:
            found.append(self)
            super().start()

    monkeypatch.setattr(threading, "Thread", Counted)
    return found


@pytest.mark.parametrize(("threads", "most"), [(-1, 0), (0, 0), (1, 0), (2, 2), (4, 4), (9, 5)])
def test_threads(threads: int, most: int, started: list[threading.Thread]) -> None:
    """Every piece once, on no more threads than are asked for or needed; none is left over."""
    found: list[int] = []
    runtime.run(found.append, range(5), threads, runtime.SMALL + 1)
    assert sorted(found) == list(range(5))
    assert min(most, 1) <= len(started) <= most
    assert not any(thread.is_alive() for thread in started)
    before = len(started)
    runtime.run(found.append, [], threads, runtime.SMALL + 1)
    runtime.run(found.append, range(5), threads, runtime.SMALL)
    assert len(started) == before
    assert found[5:] == list(range(5))


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_on_a_thread_reaches_the_caller(threads: int) -> None:
    def work(piece: int) -> None:
        if piece == 2:
            raise KeyError(piece)

    with pytest.raises(KeyError, match="2"):
        runtime.run(work, range(5), threads, runtime.SMALL + 1)


def test_little_work_makes_no_thread(started: list[threading.Thread]) -> None:
    for side in (60, 600):
        with backends.use_backend("numba"):
            backends.boundary_mask(np.zeros((2, side, side), np.uint8), threads=4)
        assert (0 < len(started) <= 4) == (side == 600)


@pytest.mark.parametrize("shape", [(2, 100, 7), (1, 3, 1000, 5), (3, 2, 1, 4), (0, 10, 10)])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_bands_are_every_row_once(shape: tuple[int, ...], threads: int) -> None:
    out = np.zeros(shape, np.uint8)

    def work(n: int, begin: int, end: int) -> None:
        assert 0 <= begin < end <= shape[-2]
        out[n, ..., begin:end, :] += 1

    runtime.run_bands(work, out, threads)
    assert (out == 1).all()


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
import importlib
import numpy as np
from adaseg_fast import backends
backends.set_backend("numba")
to_image = np.empty((1, 1, 2, 2))
backends.kernels().sample_backward(np.ones((1, 1, 2, 2)), np.zeros((1, 2, 2, 2)), to_image, [], 1)
assert to_image.tolist() == [[[[4, 0], [0, 0]]]]
stats = importlib.import_module("adaseg_fast.backends.numba.sample").scatter.stats
print(*(sum(counts.values()) for counts in (stats.cache_hits, stats.cache_misses)))
"""


def test_a_second_process_finds_the_kernels_on_disk(tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    assert run_script(COUNT, tmp_path, NUMBA_CACHE_DIR=cache) == "0 1"
    assert run_script(COUNT, tmp_path, NUMBA_CACHE_DIR=cache) == "1 0"


def test_a_kernel_of_another_version_that_cannot_be_read_is_compiled_anew(tmp_path: Path) -> None:
    """As after an upgrade that renames a module: its index names one that is gone."""
    cache = str(tmp_path / "cache")
    assert run_script(COUNT, tmp_path, NUMBA_CACHE_DIR=cache) == "0 1"
    (index,) = Path(cache).rglob("*.nbi")
    version = index.read_bytes()[: len(pickle.dumps(numba.__version__, protocol=-1))]
    assert pickle.loads(version) == numba.__version__
    index.write_bytes(version + b"cadaseg_fast.backends.numba.gone\nGrid\n.")
    assert run_script(COUNT, tmp_path, NUMBA_CACHE_DIR=cache) == "0 1"
    assert run_script(COUNT, tmp_path, NUMBA_CACHE_DIR=cache) == "1 0"


@pytest.mark.parametrize("changed", ["geometry.py", "common/grid.py"])
def test_a_change_in_another_module_is_noticed(changed: str, tmp_path: Path) -> None:
    """Numba by itself looks at the file of the kernel only."""
    package = tmp_path / "adaseg_fast"
    for file in (PACKAGE / "__init__.py", *(PACKAGE / "backends").rglob("*.py")):
        copy = package / file.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    assert run_script(COUNT, tmp_path, package) == "0 1"
    assert run_script(COUNT, tmp_path, package) == "1 0"
    with (package / "backends" / "numba" / changed).open("a") as module:
        module.write("# changed\n")
    assert run_script(COUNT, tmp_path, package) == "0 1"


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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_every_kernel_depends_on_all_sources(path: Path) -> None:
    """A kernel without it would be taken from disk although a function it calls has changed."""
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        names = [ast.unparse(decorator) for decorator in node.decorator_list]
        last = ast.unparse(node.args).rpartition(", ")[2]
        assert ("kernel" in names) == (last == "sources: int=SOURCES"), node.name
        assert "njit" not in names


def all_compiled() -> dict[str, Any]:
    files = [path.relative_to(FOLDER).with_suffix("") for path in MODULES]
    names = [".".join(file.parts) for file in files if file.name != "__init__"]
    modules = [importlib.import_module(f"adaseg_fast.backends.numba.{name}") for name in names]
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
        counts.append({name: len(kernel.signatures) for name, kernel in all_compiled().items()})
    assert len(counts[0]) > 40
    assert sum(counts[0].values()) > 0
    assert all(count == counts[0] for count in counts)
