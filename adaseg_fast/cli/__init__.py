# SPDX-License-Identifier: Apache-2.0
"""The command line: arguments in, calls of ``adaseg_fast.engine`` out.

Each file holds a group of commands. Modules that need torch are imported when a command runs, so
``--help`` does not need torch.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import adaseg_fast
from adaseg_fast.cli import evaluate, experiment, figure, predict, show, train
from adaseg_fast.cli.arguments import check_numbers
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
        with _plain_warnings():
            _prepare(options)
            return int(options.run(options) or 0)
    except Exception as error:
        if not isinstance(error, _EXPECTED) and not _is_lack_of_memory(error):
            raise
        print(f"adaseg-fast: {_said(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nadaseg-fast: interrupted; all files written so far are intact", file=sys.stderr)
        return 130


def _prepare(options: argparse.Namespace) -> None:
    """Check and apply the arguments that all commands have, before anything is read."""
    if several_processes() and not getattr(options, "several_processes", False):
        raise ValueError("torchrun is only for 'train'; this command runs in one process")
    if hasattr(options, "device"):
        device_of(options.device)
    check_numbers(options)
    if options.threads is not None:
        _set_threads(options.threads)


def _set_threads(count: int) -> None:
    import cv2
    import torch

    torch.set_num_threads(count)
    cv2.setNumThreads(count)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print a warning as one line, without a place in the sources."""
    before = warnings.formatwarning
    warnings.formatwarning = _one_line
    try:
        yield
    finally:
        warnings.formatwarning = before


def _one_line(message: Warning | str, *_: Any, **__: Any) -> str:
    return f"adaseg-fast: warning: {' '.join(str(message).split())}\n"


def _said(error: Exception) -> str:
    """What an error says, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if _is_lack_of_memory(error):
        return f"not enough memory ({text}); smaller sizes or batches need less"
    return text


def _is_lack_of_memory(error: Exception) -> bool:
    # torch, which may not be loaded, has a class of its own for CUDA and none for the CPU.
    named = any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__)
    texts = ("can't allocate memory", "Storage size calculation overflow")
    on_cpu = isinstance(error, RuntimeError) and any(text in str(error) for text in texts)
    return isinstance(error, MemoryError) or named or on_cpu


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
