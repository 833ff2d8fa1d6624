# SPDX-License-Identifier: Apache-2.0
"""Run a program of ``tests/scripts`` in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]


def run_program(name: str, *arguments: object, folder: Path, seconds: float = 120) -> str:
    """Run ``tests/scripts/<name>.py`` and return what it prints; a failure fails the test.

    The program can import ``support`` as tests do.

    Args:
        name: of the file, without its suffix.
        arguments: of its command line.
        folder: where it runs. It must hold no copy of the package, which would be imported.
        seconds: after that time the program and its children are killed, and the test fails.
    """
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    with subprocess.Popen(
        [sys.executable, str(TESTS / "scripts" / f"{name}.py"), *map(str, arguments)],
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
