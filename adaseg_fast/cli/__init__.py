# SPDX-License-Identifier: Apache-2.0
"""The command line: arguments in, calls of ``adaseg_fast.engine`` out. One file a group."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import adaseg_fast
from adaseg_fast.cli import evaluate, experiment, figure, predict, show, train


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, 1 for an error, 2 for wrong usage, 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    from adaseg_fast.engine.models.files import ModelError
    from adaseg_fast.engine.training.loop import CheckpointError
    from adaseg_fast.storage import StorageError

    expected = (StorageError, CheckpointError, ModelError, OSError, ValueError, FloatingPointError)
    try:
        _apply(options)
        return int(options.run(options) or 0)
    except expected as error:
        print(f"adaseg-fast: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nadaseg-fast: interrupted; what was written is whole", file=sys.stderr)
        return 130


def _apply(options: argparse.Namespace) -> None:
    import cv2
    import torch

    from adaseg_fast.engine.training.placement import device_of, several_processes

    if several_processes() and not getattr(options, "several_processes", False):
        raise ValueError("torchrun is for 'train' alone; this command runs in one process")
    device_of(getattr(options, "device", "cpu"))  # before anything is read
    if options.threads is not None:
        if options.threads < 1:
            raise ValueError(f"--threads has to be at least 1, got {options.threads}")
        torch.set_num_threads(options.threads)
        cv2.setNumThreads(options.threads)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="adaseg-fast",
        description="Semantic segmentation of high-resolution images by adaptive downsampling.",
    )
    parser.add_argument("--version", action="version", version=adaseg_fast.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (show, train, evaluate, experiment, figure, predict):
        group.add_commands(commands)
    return parser
