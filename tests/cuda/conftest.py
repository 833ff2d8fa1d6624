# SPDX-License-Identifier: Apache-2.0
"""The CUDA kernels compiled for host memory: sources, launches and workspaces, but no device.

A C++ compiler makes a module of csrc/cuda once per session. It is then one more backend, called
"cuda_host", which can run all NumPy operations. Blocks and threads run once in ascending and once
in descending order, so that a result that depends on the order shows.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from adaseg_fast import backends
from adaseg_fast.backends import select
from support.cuda_host import HostBackend

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["-std=c++17", "-O1", "-ffp-contract=off", "-fPIC", "-fvisibility=hidden", "-Wall"]


def _compile(folder: Path) -> Path:
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None or sys.platform == "win32":
        pytest.skip("no C++ compiler to run the CUDA kernels on host memory with")
    pybind11 = pytest.importorskip("pybind11", reason="needs pybind11 to bind the kernels")
    sources = [*(ROOT / "csrc/cuda").rglob("*.cu"), ROOT / "csrc/bindings/cuda.cpp"]
    sources.append(Path(__file__).with_name("host_module.cpp"))
    includes = [ROOT / "csrc", pybind11.get_include(), sysconfig.get_path("include")]
    flags = [*FLAGS, *(f"-I{path}" for path in includes)]

    def compiled(source: Path) -> Path:
        made = folder / f"{source.stem}.o"
        command = [compiler, *flags, "-x", "c++", "-c", str(source), "-o", str(made)]
        subprocess.run(command, check=True)
        return made

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compiled, sources))
    module = folder / f"cuda_on_host{sysconfig.get_config_var('EXT_SUFFIX')}"
    subprocess.run([compiler, "-shared", *map(str, objects), "-o", str(module)], check=True)
    return module


@pytest.fixture(scope="session")
def host_module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The compiled module; compiling takes some ten seconds."""
    pytest.importorskip("adaseg_fast._native", reason="needs its numbers of the element types")
    path = _compile(tmp_path_factory.mktemp("cuda_on_host"))
    spec = importlib.util.spec_from_file_location("cuda_on_host", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=["forwards", "backwards"])
def on_host(request: pytest.FixtureRequest, host_module: ModuleType) -> Iterator[ModuleType]:
    """The NumPy operations run the CUDA kernels, blocks and threads in one order or the other."""
    sys.modules["cuda_host"] = HostBackend(host_module)
    select.BACKENDS["cuda_host"] = "cuda_host"
    host_module.run_backwards(request.param == "backwards")
    with backends.use_backend("cuda_host"):
        yield host_module
    host_module.run_backwards(False)
    del select.BACKENDS["cuda_host"], sys.modules["cuda_host"]
