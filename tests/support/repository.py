# SPDX-License-Identifier: Apache-2.0
"""The repository: its files, and the programs of ``tests/scripts``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def checked_out(*folders: str) -> list[str]:
    """Files that git tracks or would track, relative to the root; those of ``folders`` if given."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def run_program(name: str, *arguments: object, folder: Path, seconds: float = 120) -> str:
    """Run ``tests/scripts/<name>.py`` and return what it prints; a failure fails the test.

    The program can import ``support`` as tests do.

    Args:
        name: of the file, without its suffix.
        arguments: of its command line.
        folder: where it runs. It must hold no copy of the package, which would be imported.
        seconds: after that time the program and its children are killed, and the test fails.
    """
    paths = [str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    with subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "scripts" / f"{name}.py"), *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _kill_all(process)
            pytest.fail(f"{name}.py did not end within {seconds} s")
    assert process.returncode == 0, errors
    return output.strip()


def _kill_all(process: subprocess.Popen[str]) -> None:
    """Kill the program, and its children too where the system allows it: they would outlive it."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
