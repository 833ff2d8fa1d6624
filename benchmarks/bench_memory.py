# SPDX-License-Identifier: Apache-2.0
"""Peak memory of labels at full resolution: fused, and from all scores.

Each runs in a process of its own, ``scripts/peak_memory.py``, which compares its peak (VmHWM) after
the call with what it held before. Linux only.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench_helpers import record

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

LARGE = (22, 512, 512, 5000, 7000)
# All scores of the large case would be 3 GB.
MEDIUM = (22, 128, 128, 1024, 2048)

PROGRAM = Path(__file__).with_name("scripts") / "peak_memory.py"


def extra_megabytes(kind: str, sizes: tuple[int, ...]) -> float:
    """Peak memory beside the input and the output, in units of 1e6 bytes."""
    command = [sys.executable, str(PROGRAM), kind, *map(str, sizes)]
    child = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(child.stdout)
    return float(found["extra"] - found["output"]) / 1e6


def test_fused_at_35_megapixels(benchmark: BenchmarkFixture) -> None:
    """Of noise, where nothing can be left out."""
    record(benchmark, "peak memory", sizes=LARGE)
    extra = benchmark.pedantic(extra_megabytes, ("fused", LARGE), rounds=1)
    benchmark.extra_info["extra_megabytes"] = extra
    assert extra < 100


def test_fused_against_unfused(benchmark: BenchmarkFixture) -> None:
    record(benchmark, "peak memory", sizes=MEDIUM)
    unfused = benchmark.pedantic(extra_megabytes, ("unfused", MEDIUM), rounds=1)
    fused = extra_megabytes("fused", MEDIUM)
    benchmark.extra_info["extra_megabytes"] = {"fused": fused, "unfused": unfused}
    classes, _, _, height, width = MEDIUM
    # All scores in float32, and next to nothing.
    assert unfused > 0.9 * 4 * classes * height * width / 1e6
    assert fused < 0.1 * unfused
