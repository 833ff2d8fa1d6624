# SPDX-License-Identifier: Apache-2.0
"""Hands the native module over to CMake; everything else stands in pyproject.toml.

Without a C++ compiler the package installs as pure Python and says so. A compiler that is there but
fails is an error. ``ADASEG_NATIVE=OFF`` in the environment leaves the native module out on purpose.
``ADASEG_CUDA`` in the environment is AUTO (CUDA kernels where nvcc is found), ON or OFF, and
``CUDAARCHS``, which CMake reads, the architectures to build them for.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent

NO_COMPILER = """
************************************************************************************
adaseg_fast: no C++ compiler was found, so the native module is NOT built.
The installation goes on, and the package works: the Numba backend serves instead;
slower, and it compiles each kernel on first use. For the native one install a C++17
compiler (g++, clang++, or Visual Studio; or name one in CXX) and reinstall adaseg_fast.
************************************************************************************
"""
BUILD_FAILED = """
adaseg_fast: building the native module failed; the reason stands above. To install without it
(the Numba backend serves instead; slower), set ADASEG_NATIVE=OFF in the environment.
"""


class CMakeBuild(build_ext):
    """Builds the one extension module with CMake and Ninja."""

    def run(self) -> None:
        if self._configure():
            super().run()
        else:
            print(NO_COMPILER, file=sys.stderr, flush=True)
            self.extensions.clear()

    def build_extension(self, ext: Extension) -> None:
        target = Path(self.get_ext_fullpath(ext.name)).resolve()
        self._cmake("--build", self.build_temp, "--config", "Release")
        self._cmake("--install", self.build_temp, "--config", "Release", "--prefix", target.parent)
        if not target.is_file():
            raise SystemExit(f"CMake was to leave {target.name} in {target.parent}, and did not.")

    def _configure(self) -> bool:
        """Write the build files; false if there is no C++ compiler at all."""
        # CMake's default on Windows, Visual Studio, finds its compiler without a PATH to it.
        generator = [] if os.name == "nt" else ["-G", "Ninja"]
        interpreter = f"-DPython_EXECUTABLE={sys.executable}"
        cuda = f"-DADASEG_CUDA={chosen('ADASEG_CUDA', 'AUTO', 'ON', 'OFF')}"
        command = ["cmake", "-S", ROOT, "-B", self.build_temp, *generator, interpreter, cuda]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        print(done.stderr, file=sys.stderr, end="", flush=True)
        if done.returncode == 0:
            return True
        if "No CMAKE_CXX_COMPILER could be found" in done.stderr:
            return False
        raise SystemExit(BUILD_FAILED)

    def _cmake(self, *arguments: str | Path) -> None:
        if subprocess.run(["cmake", *arguments]).returncode != 0:
            raise SystemExit(BUILD_FAILED)


def chosen(name: str, *values: str) -> str:
    """What the environment variable says, the first value by default."""
    value = os.environ.get(name, values[0])
    if value not in values:
        raise SystemExit(f"{name} must be {' or '.join(values)}, not {value!r}.")
    return value


def extensions() -> list[Extension]:
    """The native module, unless the environment leaves it out."""
    wanted = chosen("ADASEG_NATIVE", "ON", "OFF") == "ON"
    return [Extension("adaseg_fast._native", sources=[])] if wanted else []


# A fresh folder for every build: pip's isolated Ninja is gone when a second build would read the
# first one's CMake cache, and setuptools would pack whatever an earlier build had left behind.
with tempfile.TemporaryDirectory() as build_base:
    setup(
        ext_modules=extensions(),
        cmdclass={"build_ext": CMakeBuild},
        options={"build": {"build_base": build_base}},
    )
