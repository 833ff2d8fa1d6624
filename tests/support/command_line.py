# SPDX-License-Identifier: Apache-2.0
"""The command line in this process, settings that make training short, and what commands leave."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from adaseg_fast.cli import main

SHORT = ("--quiet", "--epochs", 2, "--batch-size", 2, "--width", 8)


class Trained(NamedTuple):
    """Files that `train` wrote, and what `train sampler` printed."""

    sampler: Path
    uniform: Path
    adaptive: Path
    printed: str


class Evaluated(NamedTuple):
    """The folder that `evaluate` wrote, and what it printed."""

    folder: Path
    printed: str


def run(*arguments: object) -> int:
    """Run a command and return its exit status."""
    return main([str(argument) for argument in arguments])
