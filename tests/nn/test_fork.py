# SPDX-License-Identifier: Apache-2.0
"""What docs/networks.md tells servers that fork: each way works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import adaseg_fast

SCRIPT = Path(__file__).parents[1] / "scripts" / "fork_after_prediction.py"
WAYS = ["children only", "one thread in the parent", "one thread in the child"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("way", WAYS)
def test_predictions_after_a_fork(way: str) -> None:
    root = str(Path(adaseg_fast.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    result = subprocess.run(
        [sys.executable, str(SCRIPT), way], env=environment, timeout=120, check=False
    )
    assert result.returncode == 0
