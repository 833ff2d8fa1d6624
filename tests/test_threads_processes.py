# SPDX-License-Identifier: Apache-2.0
"""A child of a process that ran kernels on threads, forked or spawned, neither hangs nor fails.

OpenMP's threads do not survive a fork, and a parallel region in the child would wait for them
forever. So each test runs a program of ``tests/scripts``, which is killed after a while.
"""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from support.repository import run_program

SECONDS = 60

each_start = pytest.mark.parametrize("start", multiprocessing.get_all_start_methods())


@each_start
def test_children(tmp_path: Path, start: str) -> None:
    assert run_program("processes", start, folder=tmp_path, seconds=SECONDS) == "[True, True] True"


@each_start
def test_workers_of_a_data_loader(tmp_path: Path, start: str) -> None:
    assert run_program("data_loader", start, folder=tmp_path, seconds=SECONDS) == "True"
