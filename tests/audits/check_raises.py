# SPDX-License-Identifier: Apache-2.0
"""Which errors of the package no test provokes: its ``raise`` statements that were never run.

    pip install coverage
    python tests/audits/check_raises.py  # or with pytest's arguments, instead of all tests

Runs the tests in one process under coverage and prints what is left. Exit status 1 where a test
fails, or where a statement is left that is not in `UNREACHED`.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from pathlib import Path

from coverage import CoverageData

# Statements that a test cannot reach here, with the reason.
UNREACHED = {
    "raise NotImplementedError": "an abstract method",
    "raise RuntimeError(NOT_BUILT) from None": "on a CUDA tensor alone",
    'raise ValueError("phi holds NaN or infinity; finite coordinates in [0, 1] are wanted")':
        "on a CUDA tensor alone",
}  # fmt: skip


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        settings, data = Path(scratch, "rc"), Path(scratch, "data")
        settings.write_text(f"[run]\nsource_pkgs = adaseg_fast\ndata_file = {data}\n")
        pytest = str(Path(sys.executable).with_name("pytest"))
        command = ["-m", "coverage", "run", f"--rcfile={settings}", pytest, "-q", *arguments]
        failed = subprocess.run([sys.executable, *command]).returncode
        measured = CoverageData(str(data))
        measured.read()
        left = [
            line for file in sorted(measured.measured_files()) for line in _left(measured, file)
        ]
    print("\n".join(left) if left else "every error was provoked")
    return int(failed != 0 or bool(left))


def _left(measured: CoverageData, file: str) -> list[str]:
    run, source = set(measured.lines(file) or ()), Path(file).read_text()
    statements = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Raise)]
    never = [(s.lineno, ast.get_source_segment(source, s)) for s in statements
             if s.lineno not in run]  # fmt: skip
    return [f"{file}:{line}: {text}" for line, text in never if text not in UNREACHED]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
