# SPDX-License-Identifier: Apache-2.0
"""The loops compiled for each CPU target: all give the same bits.

The installed module runs every target that this machine has. The code for compilers without vector
types is compiled separately and compared with the installed module too.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaseg_fast
from adaseg_fast import backends
from adaseg_fast.backends import select
from support.arrays import Array
from support.compare import assert_same
from support.grids import GRID_KINDS, grids, patchwork

CSRC = Path(__file__).resolve().parents[2] / "csrc"
# Little optimisation, to compile fast, except what could change a result: vectorised loops, and the
# expensive optimisations, which include fused multiply-adds where they are allowed.
FLAGS = (
    *("-std=c++17", "-O1", "-ftree-vectorize", "-fexpensive-optimizations"),
    *("-ffp-contract=off", "-fPIC", "-fvisibility=hidden", "-w"),
)
TARGETS = ("neon",) if platform.machine() in ("aarch64", "arm64") else ("avx512", "avx2")
PLAIN = "plain numbers"  # the code for compilers without vector types
SIZES = ((37, 53), (1, 40), (64, 210))

pytestmark = pytest.mark.skipif(
    "native" not in backends.available_backends(), reason="the compiled module is not installed"
)


def compiler() -> str:
    found = shutil.which(os.environ.get("CXX", "c++"))
    if found is None or sys.platform == "win32":
        pytest.skip("no C++ compiler that takes GCC's flags")
    return found


def compile_file(source: Path, to: Path, *flags: str) -> Path:
    command = [compiler(), *FLAGS, *flags, f"-I{CSRC}", "-c", str(source), "-o", str(to)]
    subprocess.run(command, check=True)
    return to


def native_targets() -> tuple[str, ...]:
    from adaseg_fast import _native

    return tuple(_native.cpu_targets())


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A backend without vector types; compiling it takes half a minute."""
    pybind11 = pytest.importorskip("pybind11", reason="needs pybind11 to bind the kernels")
    folder = tmp_path_factory.mktemp("plain")
    includes = (f"-I{pybind11.get_include()}", f"-I{sysconfig.get_path('include')}")
    sources = [CSRC / "bindings/module.cpp", *sorted((CSRC / "cpu").rglob("*.cpp"))]

    def compiled(source: Path) -> str:
        flags = ("-O0", *includes) if source.stem == "module" else ("-DADASEG_NO_VECTORS",)
        return str(compile_file(source, folder / f"{source.stem}.o", *flags))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        files = list(pool.map(compiled, sources))
    path = folder / f"_native{sysconfig.get_config_var('EXT_SUFFIX')}"
    subprocess.run([compiler(), "-shared", *files, "-o", str(path)], check=True)
    name = f"{folder.name}._native"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert len(module.cpu_targets()) == 1  # it has nothing to choose from
    sys.modules[name] = module
    select.BACKENDS[name] = name
    yield name
    del select.BACKENDS[name], sys.modules[name]


@pytest.fixture(params=(*TARGETS, PLAIN))
def variant(request: pytest.FixtureRequest) -> str:
    """A target that this machine has, or the backend in plain numbers."""
    if request.param == PLAIN:
        name = request.getfixturevalue("plain")
        assert isinstance(name, str)
        return name
    if request.param not in native_targets():
        pytest.skip(f"this processor, or the compiled module, has no {request.param}")
    return str(request.param)


def results_of(variant: str, function: Callable[[], Any]) -> tuple[Array, ...]:
    from adaseg_fast import _native

    before = _native.cpu_target()
    try:
        if variant in native_targets():
            _native.set_cpu_target(variant)
        with backends.use_backend(variant if variant in select.BACKENDS else "native"):
            found = function()
    finally:
        _native.set_cpu_target(before)
    return found if isinstance(found, tuple) else (found,)


def check_same(variant: str, function: Callable[[], Any]) -> None:
    simplest = results_of(native_targets()[-1], function)
    for one, other in zip(simplest, results_of(variant, function), strict=True):
        assert_same(one, other)


def scores_for(phi: Array, classes: int, dtype: Any) -> Array:
    """Scores like a network's: mostly one class far ahead, some noise."""
    rng = np.random.default_rng(classes)
    labels = patchwork(rng, phi.shape[2:], classes)
    scores = 4 * (labels == np.arange(classes)[:, None, None])
    return (scores + rng.normal(size=scores.shape))[None].astype(dtype)


@pytest.mark.parametrize("kind", GRID_KINDS)
def test_faces_weights_values_and_labels(variant: str, kind: str) -> None:
    for seed, size in enumerate(SIZES):
        for shape in ((7, 9), (24, 31)):
            phi = grids(kind, shape, size, seed=seed)
            check_same(variant, lambda phi=phi, size=size: backends.rasterize(phi, size))
            for dtype in (np.float64, np.float32, np.float16):
                for classes in (2, 21):
                    call = (scores_for(phi, classes, dtype), phi.astype(np.float32), size)
                    check_same(variant, lambda call=call: backends.interpolate(*call))
                    check_same(variant, lambda call=call: backends.interpolate_argmax(*call))


@pytest.mark.parametrize("classes", [1, 3, 19, 300])
def test_labels_of_noise_infinity_and_nan(variant: str, classes: int) -> None:
    rng = np.random.default_rng(classes)
    phi = grids("moved", (9, 14), (70, 333))
    scores = rng.normal(size=(1, classes, 9, 14)).astype(np.float32)
    strange = scores.copy()
    for value in (np.inf, -np.inf, np.nan):
        strange[rng.random(scores.shape) < 0.03] = value
    for given in (scores, strange, scores.astype(np.float64), strange.astype(np.float64)):
        check_same(variant, lambda a=given: backends.interpolate_argmax(a, phi, (70, 333)))
        check_same(variant, lambda a=given: backends.interpolate(a, phi, (70, 333)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_boundaries(variant: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for size in SIZES:
        labels = patchwork(rng, size)[None].astype(dtype)
        for classes in (None, [1, 2]):
            how = {"classes": classes, "ignore_index": 4}
            check_same(variant, lambda a=labels, how=how: backends.boundary_mask(a, **how))
            check_same(
                variant, lambda a=labels, how=how: backends.nearest_boundary(a, (8, 8), **how)
            )


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_solutions_and_samples(variant: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for shape in ((8, 8), (5, 33), (20, 3), (41, 17)):
        targets = rng.random((3, 2, *shape)).astype(dtype)
        check_same(variant, lambda targets=targets: backends.solve_sampling(targets, 0.7))
        image = (100 * rng.normal(size=(3, 2, 30, 41))).astype(dtype)
        how = {"mean": (1.5, 2.5), "std": (3.0, 0.7)}
        check_same(variant, lambda a=image, phi=targets, how=how: backends.sample(a, phi, **how))


@pytest.mark.parametrize("kind", GRID_KINDS)
def test_gradients(variant: str, kind: str) -> None:
    phi = grids(kind, (7, 9), (37, 53))
    scores = scores_for(phi, 5, np.float32)
    grad = np.random.default_rng(1).normal(size=(1, 5, 37, 53)).astype(np.float32)

    def gradients() -> tuple[Array, Array]:
        to_scores, to_phi = np.empty_like(scores), np.empty_like(phi)
        backends.kernels().interpolate_backward(grad, scores, phi, to_scores, to_phi, 0, 1)
        return to_scores, to_phi

    check_same(variant, gradients)


def target_sources() -> list[Path]:
    return sorted((CSRC / "cpu" / "simd").glob("target_*.cpp"))


@pytest.mark.parametrize("source", target_sources(), ids=lambda source: source.stem)
def test_files_of_targets_share_no_function(source: Path, tmp_path: Path) -> None:
    """The linker must have nothing to choose from: it could take one target's code for all."""
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("no nm")
    found = re.search(r"^// Flags: (.*)$", source.read_text(), re.MULTILINE)
    if found is not None and platform.machine() != "x86_64":
        pytest.skip("these flags are those of x86-64")
    flags = found[1].split() if found is not None else []
    # Without optimisation nothing is inlined that does not have to be.
    made = compile_file(source, tmp_path / "target.o", *flags, "-O0")
    done = subprocess.run(
        [nm, "-C", "--defined-only", str(made)], capture_output=True, text=True, check=True
    )
    # "address kind name"; small letters are of symbols that other files do not see.
    lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
    assert any(kind == "t" for _, kind, _ in lines)
    shared = [name for _, kind, name in lines if kind not in "trdb"]
    assert shared == [f"adaseg::{source.stem.removeprefix('target_')}_loops"]


def test_unknown_targets_are_refused() -> None:
    from adaseg_fast import _native

    before = _native.cpu_target()
    with pytest.raises(ValueError, match=r"must be one that this machine has \(.*\), got 'mmx'"):
        adaseg_fast.set_cpu_target("mmx")
    assert _native.cpu_target() == before


def test_the_environment_chooses(tmp_path: Path) -> None:
    code = "import adaseg_fast; print(adaseg_fast.build_info()['cpu_target'])"
    for target in native_targets():
        done = run_python(tmp_path, code, ADASEG_CPU=target)
        assert done.stdout.split() == [target], done.stderr


def test_the_environment_must_name_a_target(tmp_path: Path) -> None:
    code = "import adaseg_fast; adaseg_fast.get_backend()"
    done = run_python(tmp_path, code, ADASEG_CPU="z80")
    assert done.returncode != 0
    assert "ValueError: the environment variable ADASEG_CPU: the CPU target must" in done.stderr
    assert "got 'z80'" in done.stderr


def run_python(folder: Path, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run in a folder without a copy of the package, which would be imported."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
