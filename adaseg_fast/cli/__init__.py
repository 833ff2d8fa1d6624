# SPDX-License-Identifier: Apache-2.0
"""The command line: arguments in, calls of ``adaseg_fast.engine`` out.

Each file holds a group of commands. Modules that need torch are imported when a command runs, so
``--help`` does not need torch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import adaseg_fast
from adaseg_fast.cli import evaluate, experiment, figure, predict, show, train
from adaseg_fast.cli.terminal import survives_lost_output
from adaseg_fast.engine.devices import device_of, several_processes
from adaseg_fast.storage import StorageError

_EXPECTED = (StorageError, OSError, ValueError, FloatingPointError)


@survives_lost_output
def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: of the command line, without the program's name; None for those of this process.

    Returns:
        The exit status: 0, 1 for an error, 130 for Ctrl-C.

    Raises:
        SystemExit: The arguments are wrong (status 2), or ask for ``--help`` or ``--version``.
    """
    options = _parser().parse_args(arguments)
    try:
        _prepare(options)
        return int(options.run(options) or 0)
    except _EXPECTED as error:
        print(f"adaseg-fast: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nadaseg-fast: interrupted; every file that was written is whole", file=sys.stderr)
        return 130


def _prepare(options: argparse.Namespace) -> None:
    """Check and apply the arguments that all commands have, before anything is read."""
    if several_processes() and not getattr(options, "several_processes", False):
        raise ValueError("torchrun is only for 'train'; this command runs in one process")
    if hasattr(options, "device"):
        device_of(options.device)
    if options.threads is not None:
        _set_threads(options.threads)


def _set_threads(count: int) -> None:
    if count < 1:
        raise ValueError(f"--threads must be at least 1, got {count}")
    import cv2
    import torch

    torch.set_num_threads(count)
    cv2.setNumThreads(count)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="adaseg-fast",
        description="Semantic segmentation of high-resolution images: each image is downsampled "
        "with more points near the boundaries of classes, segmented, and labelled at full "
        "resolution. 'adaseg-fast COMMAND --help' describes a command.",
    )
    parser.add_argument("--version", action="version", version=adaseg_fast.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for group in (show, train, evaluate, experiment, figure, predict):
        group.add_commands(commands)
    return parser
