# SPDX-License-Identifier: Apache-2.0
"""The kernels compiled for one instruction set each: all give the same bits.

The installed module chooses an instruction set when it is loaded, so that on one machine the others
never run. Here each one is compiled separately, and so is the code for compilers without vector
types; each is compared with the installed module.
"""

from __future__ import annotations

import importlib.util
import os
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
    *("-ffp-contract=off", "-fPIC", "-w"),
)
ONE_SET = "-DADASEG_NO_CLONES"
# Name: flags, and what /proc/cpuinfo must list for the code to run.
VARIANTS = {
    "baseline": ((ONE_SET,), ()),
    "baseline, plain loops": ((ONE_SET, "-DADASEG_NO_VECTORS"), ()),
    "AVX2": ((ONE_SET, "-march=x86-64-v3"), ("avx2", "fma", "bmi2", "f16c", "movbe")),
    "AVX-512": ((ONE_SET, "-march=x86-64-v4"), ("avx512bw", "avx512cd", "avx512dq", "avx512vl")),
}
SIZES = ((37, 53), (1, 40), (64, 210))

pytestmark = pytest.mark.skipif(
    "native" not in backends.available_backends(), reason="the compiled module is not installed"
)


def compiler() -> str:
    found = shutil.which(os.environ.get("CXX", "c++"))
    if found is None or sys.platform == "win32":
        pytest.skip("no C++ compiler that takes GCC's flags")
    return found


@pytest.fixture(scope="module")
def bindings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The part that all variants share: it computes nothing."""
    pybind11 = pytest.importorskip("pybind11", reason="needs pybind11 to bind the kernels")
    made = tmp_path_factory.mktemp("bindings") / "bindings.o"
    includes = (f"-I{pybind11.get_include()}", f"-I{sysconfig.get_path('include')}")
    compile_file(
        CSRC / "bindings/module.cpp", made, ONE_SET, "-O0", "-fvisibility=hidden", *includes
    )
    return made


def compile_file(source: Path, to: Path, *flags: str) -> Path:
    command = [compiler(), *FLAGS, *flags, f"-I{CSRC}", "-c", str(source), "-o", str(to)]
    subprocess.run(command, check=True)
    return to


@pytest.fixture(scope="module", params=VARIANTS)
def variant(
    request: pytest.FixtureRequest, bindings: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A backend of one instruction set; compiling it takes some ten seconds."""
    flags, needs = VARIANTS[request.param]
    cpu = Path("/proc/cpuinfo")
    missing = set(needs) - set(cpu.read_text().split() if cpu.exists() else ())
    if missing:
        pytest.skip(f"this processor has no {', '.join(sorted(missing))}")
    folder = tmp_path_factory.mktemp("variant")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = pool.map(
            lambda source: compile_file(source, folder / f"{source.stem}.o", *flags),
            sorted((CSRC / "cpu").rglob("*.cpp")),
        )
        files = [str(bindings), *map(str, objects)]
    path = folder / f"_native{sysconfig.get_config_var('EXT_SUFFIX')}"
    subprocess.run([compiler(), "-shared", *files, "-o", str(path)], check=True)
    name = f"{folder.name}._native"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.instruction_set == "baseline"  # it has nothing to choose from
    sys.modules[name] = module
    select.BACKENDS[name] = name
    yield name
    del select.BACKENDS[name], sys.modules[name]


def check_same(variant: str, function: Callable[[], Any]) -> None:
    results = []
    for backend in ("native", variant):
        with backends.use_backend(backend):
            found = function()
        results.append(found if isinstance(found, tuple) else (found,))
    for one, other in zip(*results, strict=True):
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
    for shape in ((8, 8), (5, 33), (20, 3)):
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
