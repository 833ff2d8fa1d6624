# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the benchmarks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import cv2
import pytest
import torch

from adaseg_fast.backends import get_backend

# Shared code, though its name is that of a benchmark.
collect_ignore = ["bench_helpers.py"]

# Without the compiled kernels the first use of a backend warns, and a warning is an error here.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", RuntimeWarning)
    get_backend()

DEFAULT = (torch.get_num_threads(), cv2.getNumThreads())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both sides on one thread, and both on as many as they take by themselves.

    One is enough where nothing is timed.
    """
    if "threads" in metafunc.fixturenames:
        timed = not metafunc.config.getoption("benchmark_disable")
        counts = [(1, 1), DEFAULT] if timed and DEFAULT != (1, 1) else [(1, 1)]
        metafunc.parametrize("threads", counts, indirect=True, ids=lambda n: f"threads={n[0]}")


@pytest.fixture
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Torch's number of threads, OpenCV's being set as well."""
    for_torch, for_opencv = request.param
    torch.set_num_threads(for_torch)
    cv2.setNumThreads(for_opencv)
    yield for_torch
    torch.set_num_threads(DEFAULT[0])
    cv2.setNumThreads(DEFAULT[1])
