# SPDX-License-Identifier: Apache-2.0
"""The compiled kernels under sanitizers, on many random inputs of every kind.

    python tests/audits/check_native.py --grids 100000
    python tests/audits/check_native.py --sanitize thread --workers 2 --grids 2000
    python tests/audits/check_native.py --input 8b8a3d22          # the input that a failure printed
    python tests/audits/check_native.py --libfuzzer 900           # seconds; with clang's libFuzzer

Compiles csrc/cpu and the harness in tests/native (fuzz.cpp says what is checked) with GCC and runs
it until the owners of all pixels of that many grids have been compared with exact ones; with the
address and undefined-behaviour sanitizers, or with the thread sanitizer. Where a check does not
hold or a sanitizer reports an error, the exit status is 1 and the input is printed.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CSRC, HARNESS = ROOT / "csrc", ROOT / "tests" / "native"
SANITIZERS = ("address,undefined", "thread")

PLAIN = ("-std=c++17", "-g1", "-fopenmp", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror")
STRICT = ("-O1", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def compiler() -> str | None:
    """A compiler that takes GCC's flags: ``CXX``, or g++."""
    return shutil.which(os.environ.get("CXX", "g++"))


def build(folder: Path, sanitize: str = SANITIZERS[0]) -> Path:
    """Compile the kernels and the harness into ``folder``; return the program.

    Raises:
        RuntimeError: there is no compiler, or it fails; the message holds its output.
    """
    sources = [*sorted((CSRC / "cpu").rglob("*.cpp")), HARNESS / "fuzz.cpp"]
    sources.append(HARNESS / "fuzz_driver.cpp")
    if sanitize == "thread":
        sources.append(HARNESS / "fuzz_threads.cpp")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda source: compile_file(source, folder, sanitize), sources))
    return link(folder, sanitize)


def compile_file(source: Path, folder: Path, sanitize: str = SANITIZERS[0]) -> None:
    """Compile one file into ``folder``, instrumented if it is a kernel."""
    flags = [*STRICT, f"-fsanitize={sanitize}"]
    if source.name == "fuzz.cpp":
        flags = ["-O2"]  # it only checks results, so it can be fast
    elif not source.name.startswith("fuzz") and sanitize != "thread":
        flags.append("-fsanitize-coverage=trace-pc")
    flags += [*target_flags(source), f"-I{CSRC}", f"-I{HARNESS}", "-c", str(source)]
    run([_compiler(), *PLAIN, *flags, "-o", str(folder / f"{source.stem}.o")])


def target_flags(source: Path) -> list[str]:
    """The flags that the file of a CPU target asks for, on the machines that have such targets."""
    found = re.search(r"^// Flags: (.*)$", source.read_text(), re.MULTILINE)
    return found[1].split() if found and platform.machine() in ("x86_64", "AMD64") else []


def link(folder: Path, sanitize: str = SANITIZERS[0]) -> Path:
    """Link the object files in ``folder``; return the program."""
    objects = map(str, sorted(folder.glob("*.o")))
    threads = "-pthread" if sanitize == "thread" else "-fopenmp"
    program = folder / "fuzz"
    run([_compiler(), f"-fsanitize={sanitize}", threads, *objects, "-o", str(program)])
    return program


def _compiler() -> str:
    found = compiler()
    if found is None:
        raise RuntimeError("no C++ compiler: install g++ or name one in CXX")
    return found


def run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")


def fuzz_with_clang(folder: Path, seconds: int, seed: int) -> int:
    """Let libFuzzer choose the inputs; return 1 where it found a failure.

    Raises:
        RuntimeError: there is no clang++, or it fails; the message holds its output.
    """
    clang = shutil.which("clang++")
    if clang is None:
        raise RuntimeError("no clang++: libFuzzer comes with clang")
    program = folder / "libfuzzer"
    flags = [*PLAIN, *STRICT, f"-fsanitize=fuzzer,{SANITIZERS[0]}", f"-I{CSRC}", f"-I{HARNESS}"]
    flags += ["-Wno-unknown-pragmas", "-Wno-pass-failed"]
    sources = [HARNESS / "fuzz.cpp", *sorted((CSRC / "cpu").rglob("*.cpp"))]
    run([clang, *flags, *map(str, sources), "-o", str(program)])
    how = [f"-max_total_time={seconds}", f"-seed={seed + 1}", "-max_len=512", "-verbosity=0"]
    command = [str(program), *how, "-print_final_stats=1", f"-artifact_prefix={folder}/"]
    return int(subprocess.run(command, env=environment()).returncode != 0)


def environment() -> dict[str, str]:
    """Variables that make waiting threads sleep, and sanitizers print stack traces."""
    return {
        **os.environ,
        "OMP_WAIT_POLICY": "passive",
        "GOMP_SPINCOUNT": "0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--grids", type=int, default=2000, help="grids to compare (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the inputs (%(default)s)")
    parser.add_argument("--sanitize", choices=SANITIZERS, default=SANITIZERS[0])
    parser.add_argument("--workers", type=int, default=1, help="callers at once (%(default)s)")
    parser.add_argument("--input", metavar="HEX", help="one input instead of random ones")
    parser.add_argument("--libfuzzer", type=int, metavar="SECONDS", help="run clang's libFuzzer")
    parser.add_argument("--build", type=Path, help="folder that keeps the compiled files")
    options = parser.parse_args(arguments)
    how = ["--grids", str(options.grids), "--seed", str(options.seed)]
    how += ["--workers", str(options.workers)]
    if options.input is not None:
        how = ["--input", options.input]
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.build or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            if options.libfuzzer is not None:
                return fuzz_with_clang(folder, options.libfuzzer, options.seed)
            program = build(folder, options.sanitize)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
        return int(subprocess.run([str(program), *how], env=environment()).returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
