# SPDX-License-Identifier: Apache-2.0
"""Peak memory of labels at full resolution, fused and by way of all scores.

Each is run in a process of its own, whose peak (VmHWM) after the call is set against what it held
before. Linux only.
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

# The inputs are made in place, so that the peak is not theirs; a tiny call loads and starts all
# that is loaded and started once.
CHILD = """
import json, sys
import torch
from torch.nn import functional as F
from adaseg_fast import ops

def held(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))

def fused(scores, phi, size):
    return ops.interpolate_argmax(scores, phi, size)

def unfused(scores, phi, size):
    return F.interpolate(scores, size=size, mode="bilinear", align_corners=True).argmax(1)

kind, classes, h, w, height, width = sys.argv[1], *map(int, sys.argv[2:])
run = {"fused": fused, "unfused": unfused}[kind]
torch.manual_seed(0)
run(torch.rand(1, 3, 4, 4), ops.uniform_sampling_tensor((4, 4)), (16, 16))
phi = ops.uniform_sampling_tensor((h, w))
scores = torch.empty(1, classes, h, w).normal_()
before = held("VmRSS")
labels = run(scores, phi, (height, width))
print(json.dumps({"extra": held("VmHWM") - before, "output": labels.nbytes}))
"""


def extra_megabytes(kind: str, sizes: tuple[int, ...]) -> float:
    """Peak memory beside the input and the output, in units of 1e6 bytes."""
    command = [sys.executable, "-c", CHILD, kind, *map(str, sizes)]
    # The folder holds no package, so that the installed one is found, as it is here.
    child = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
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
