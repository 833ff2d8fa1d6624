# SPDX-License-Identifier: Apache-2.0
"""List the errors that no test provokes: ``raise`` statements of the package that never ran.

From the root of the repository:

    pip install coverage
    python tests/audits/check_raises.py  # all tests, or those that pytest's arguments select

It runs the tests in one process under coverage. The exit status is 1 if a test fails, or if a
statement did not run that is not in `UNREACHED`.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from pathlib import Path

from coverage import CoverageData

# Statements that a test cannot reach here: their file, how they begin, and the reason.
UNREACHED = (
    ("nn/downsample.py", "raise NotImplementedError", "an abstract method"),
    ("backends/cuda.py", "raise RuntimeError(NOT_BUILT)", "only for a CUDA tensor"),
    ("ops/_cuda.py", "raise ValueError", "only for a CUDA tensor"),
)


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
    print("\n".join(left) if left else "a test provokes every error")
    return int(failed != 0 or bool(left))


def _left(measured: CoverageData, file: str) -> list[str]:
    """The ``raise`` statements of a file that never ran and can be reached."""
    run, source = set(measured.lines(file) or ()), Path(file).read_text()
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and node.lineno not in run:
            text = ast.get_source_segment(source, node) or ""
            if not any(
                file.endswith(end) and text.startswith(begin) for end, begin, _ in UNREACHED
            ):
                found.append(f"{file}:{node.lineno}: {text}")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
