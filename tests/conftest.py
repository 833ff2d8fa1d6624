# SPDX-License-Identifier: Apache-2.0
"""Fixtures and settings of all tests."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

# OpenMP reads this when it is loaded. Waiting threads must not take a processor from working ones;
# on a busy machine that makes the tests several times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
from hypothesis import settings

from adaseg_fast.backends import get_backend
from support.arrays import CAMVID

# The same examples on every run and machine, however slow.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=20)
settings.load_profile("repeatable")

# Without the compiled kernels the first use of a backend warns, and a warning fails a test.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", RuntimeWarning)
    get_backend()


@pytest.fixture(scope="session")
def camvid() -> Path:
    """The folder of CamVid frames."""
    if not CAMVID.is_dir():
        pytest.skip("no CamVid frames: set ADASEG_CAMVID to their folder")
    return CAMVID
