# SPDX-License-Identifier: Apache-2.0
"""Fixtures and settings of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from helpers import CAMVID

# The same examples on every run and machine, however slow.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=30)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def camvid() -> Path:
    """The folder of CamVid frames."""
    if not CAMVID.is_dir():
        pytest.skip("no CamVid frames: set ADASEG_CAMVID to their folder")
    return CAMVID
