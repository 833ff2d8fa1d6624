# SPDX-License-Identifier: Apache-2.0
"""What loads without torch: the package, the command line with its help, prediction and demo."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    ["adaseg_fast", "adaseg_fast.cli", "adaseg_fast.engine.predict", "adaseg_fast.engine.demo"],
)
def test_a_module_loads_without_torch(module: str) -> None:
    program = f"import sys; sys.modules['torch'] = None; import {module}"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_help_needs_no_torch() -> None:
    program = (
        "import sys; sys.modules['torch'] = None; from adaseg_fast.cli import main; "
        "main(['train', 'sampler', '--help'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=60, capture_output=True, text=True
    )
    assert "--view-size" in done.stdout and "--aux-size" not in done.stdout
