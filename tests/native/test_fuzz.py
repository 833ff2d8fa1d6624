# SPDX-License-Identifier: Apache-2.0
"""A short run of the kernels under sanitizers; the harness finds planted mistakes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from audits import check_native

pytestmark = pytest.mark.skipif(
    check_native.compiler() is None or not sys.platform.startswith("linux"),
    reason="needs a compiler that takes GCC's flags, and its sanitizers",
)

# Statement of a kernel, the same with a mistake, and what the check or the sanitizer says about it.
MISTAKES = {
    "a wrong owner": (
        "face[row * width + col] = number;",
        "face[row * width + col] = number ^ (col == 3);",
        "does not hold: face == owners.face[pixel]",
    ),
    "a write before the output": (
        "face[row * width + col] = number;",
        "face[row * width + col - (row + col == 0)] = number;",
        "heap-buffer-overflow",
    ),
    "a hole": (
        "for (int64_t col = first; col < last; ++col) {",
        "for (int64_t col = first; col < last - (first > 5); ++col) {",
        "does not hold: face == owners.face[pixel]",
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sanitized")


@pytest.fixture(scope="module")
def program(folder: Path) -> Path:
    """The harness with the address and undefined-behaviour sanitizers: half a minute to compile."""
    return check_native.build(folder)


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program), *arguments],
        env=check_native.environment(),
        capture_output=True,
        text=True,
    )


def test_two_thousand_grids(program: Path) -> None:
    done = run(program, "--grids", "2000")
    assert done.returncode == 0, done.stderr
    counts = {
        name: int(count)
        for name, count in (line.rsplit(maxsplit=1) for line in done.stdout.splitlines())
    }
    assert counts["grids"] >= 2000
    # All kinds occur: folded or not, with (3) held or not, and some that are refused.
    assert min(counts["folded"], counts["refused"]) > 0.02 * counts["grids"]
    assert 0.3 * counts["grids"] < counts["covering"] < counts["grids"]
    assert counts["places in the code reached"] > 5000


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_found(mistake: str, program: Path, folder: Path, tmp_path: Path) -> None:
    right, wrong, said = MISTAKES[mistake]
    source = (check_native.CSRC / "cpu" / "rasterize.cpp").read_text()
    assert source.count(right) == 1
    changed = tmp_path / "rasterize.cpp"
    changed.write_text(source.replace(right, wrong))
    for made in folder.glob("*.o"):
        shutil.copy(made, tmp_path)
    check_native.compile_file(changed, tmp_path)
    broken = check_native.link(tmp_path)
    done = run(broken, "--grids", "500")
    assert done.returncode != 0
    assert said in done.stderr
    # The input that a failure prints fails again.
    (found,) = (line for line in done.stderr.splitlines() if line.startswith("input: "))
    again = run(broken, "--input", found.removeprefix("input: "))
    assert again.returncode != 0
    assert said in again.stderr


def test_threads_do_not_race(tmp_path: Path) -> None:
    program = check_native.build(tmp_path, "thread")
    done = run(program, "--grids", "100", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert "ThreadSanitizer" not in done.stderr

    right = "face[row * width + col] = number;"
    source = (check_native.CSRC / "cpu" / "rasterize.cpp").read_text()
    racing = tmp_path / "rasterize.cpp"
    counter = "static volatile int64_t calls = 0; calls = calls + 1;"
    racing.write_text(source.replace(right, f"{counter} {right}"))
    check_native.compile_file(racing, tmp_path, "thread")
    done = run(check_native.link(tmp_path, "thread"), "--grids", "100", "--workers", "2")
    assert done.returncode != 0
    assert "data race" in done.stderr
