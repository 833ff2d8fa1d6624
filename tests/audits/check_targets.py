# SPDX-License-Identifier: Apache-2.0
"""The compiled kernels on 64-bit ARM, built by a cross compiler and run by an emulator.

    python tests/audits/check_targets.py --grids 300

Needs aarch64-linux-gnu-g++ and qemu-aarch64 (Debian: g++-aarch64-linux-gnu, qemu-user) and says so
where one is missing. Compiles csrc/cpu as it is shipped, with the harness in tests/native (fuzz.cpp
says what is checked), and runs it until the owners of all pixels of that many grids have been
compared with exact ones. The exit status is 1 where a check does not hold, 2 where a tool is
missing. ``tests/native/test_instruction_sets.py`` compares the targets of the machine at hand.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CSRC, HARNESS = ROOT / "csrc", ROOT / "tests" / "native"
TOOLS = {"aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu", "qemu-aarch64": "qemu-user"}
FLAGS = ("-std=c++17", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror")
# Of the sanitizers' library, which is left out.
STUB = 'extern "C" void __sanitizer_set_death_callback(void (*)()) {}\n'


def missing_tools() -> list[str]:
    """The Debian packages of the tools that this machine lacks."""
    return [package for tool, package in TOOLS.items() if shutil.which(tool) is None]


def build(folder: Path) -> Path:
    """Compile the kernels and the harness for aarch64 into ``folder``; return the program.

    Raises:
        subprocess.CalledProcessError: The compiler fails.
    """
    stub = folder / "stub.cpp"
    stub.write_text(STUB)
    kernels = sorted((CSRC / "cpu").rglob("*.cpp"))
    sources = [*kernels, HARNESS / "fuzz.cpp", HARNESS / "fuzz_driver.cpp", stub]

    def compiled(source: Path) -> str:
        made = folder / f"{source.stem}.o"
        level = "-O3" if source in kernels else "-O1"
        includes = (f"-I{CSRC}", f"-I{HARNESS}")
        how = [*FLAGS, level, "-fopenmp", *includes, "-c", str(source), "-o", str(made)]
        subprocess.run(["aarch64-linux-gnu-g++", *how], check=True)
        return str(made)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compiled, sources))
    program = folder / "fuzz"
    link = ["aarch64-linux-gnu-g++", "-static", "-fopenmp", *objects, "-o", str(program)]
    subprocess.run(link, check=True)
    return program


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--grids", type=int, default=300, help="grids to compare (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the inputs (%(default)s)")
    parser.add_argument("--build", type=Path, help="folder that keeps the compiled files")
    options = parser.parse_args(arguments)
    if missing := missing_tools():
        print(f"nothing was checked: install {' and '.join(missing)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.build or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            program = build(folder)
        except subprocess.CalledProcessError as error:
            print(error, file=sys.stderr)
            return 1
        # Two workers: without coverage there is nothing to be guided by.
        how = ["--grids", str(options.grids), "--seed", str(options.seed), "--workers", "2"]
        return int(subprocess.run(["qemu-aarch64", str(program), *how]).returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
