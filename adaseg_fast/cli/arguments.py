# SPDX-License-Identifier: Apache-2.0
"""The arguments that several commands share, and how they open data sets."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adaseg_fast.data import SegmentationDataset

Size = tuple[int, int]

_LARGEST_SIDE = 2**14
# What numbers may be, by the name of their option. More would fail later, and less plainly.
_BOUNDS = {
    "threads": (1, 1024),
    "workers": (0, 256),
    "epochs": (1, 10**6),
    "batch_size": (1, 2**16),
    "crops": (1, 2**16),
    "width": (1, 2**14),
    "checkpoint_steps": (0, 10**9),
    "seed": (0, 2**63 - 1),
    "data_seed": (0, 2**63 - 1),
}


def check_numbers(options: argparse.Namespace) -> None:
    """Refuse numbers that are out of all bounds.

    Args:
        options: of any command.

    Raises:
        ValueError: A number is too small or too large; names its option.

    Example:
        >>> check_numbers(argparse.Namespace(threads=0))
        Traceback (most recent call last):
            ...
        ValueError: --threads must be at least 1, got 0
    """
    for name, (least, most) in _BOUNDS.items():
        value = getattr(options, name, None)
        option = "--" + name.replace("_", "-")
        if isinstance(value, int) and value < least:
            raise ValueError(f"{option} must be at least {least}, got {value}")
        if isinstance(value, int) and value > most:
            raise ValueError(f"{option} must be at most {most}, got {value}")


def size(text: str) -> Size:
    """A size as the command line has it.

    Args:
        text: such as 64 or 64x96, rows x columns, each from 2 to 16384.

    Returns:
        Rows and columns.

    Raises:
        argparse.ArgumentTypeError: ``text`` is no size.

    Example:
        >>> size("64"), size("64x96")
        ((64, 64), (64, 96))
    """
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(map(_is_side, parts)):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; say 64 or 64x96 (rows x columns)")
    if any(len(part) > 9 or int(part) > _LARGEST_SIDE for part in parts):
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is no size: its sides must be at most {_LARGEST_SIDE}"
        )
    return int(parts[0]), int(parts[-1])


def _is_side(text: str) -> bool:
    return text.isascii() and text.isdigit() and (len(text) > 9 or int(text) >= 2)


def names(text: str) -> tuple[str, ...]:
    """Several names with commas between.

    Args:
        text: such as "iou,trimap".

    Returns:
        The names.

    Example:
        >>> names("iou, trimap")
        ('iou', 'trimap')
    """
    return tuple(name.strip() for name in text.split(",") if name.strip())


class _HelpFormatter(argparse.HelpFormatter):
    """Says how a size is written, and shows defaults that are values (no flags, no empty lists)."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text, default = action.help or "", action.default
        if action.type is size:
            text += "; 64 or 64x96 (rows x columns)"
        if isinstance(default, list):
            default = " ".join(map(str, default))
        hidden = default is None or default is False or default in ("", argparse.SUPPRESS)
        return text if hidden else f"{text} (default: {default})"


class OldName(argparse.Action):
    """An option under its earlier name: it still works, and says what it is called now."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Store the value, and print the warning on stderr."""
        now = "--" + self.dest.replace("_", "-")
        print(
            f"adaseg-fast: {option_string} is now called {now}; the next version will not know "
            "the old name",
            file=sys.stderr,
        )
        setattr(namespace, self.dest, values)


def command(
    group: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
    *,
    seed: bool = True,
    cuda: bool = False,
) -> argparse.ArgumentParser:
    """Add a command with the arguments that all commands have.

    Args:
        group: the commands to which it is added.
        name: of the command.
        run: does its work, and gives the exit status.
        text: a description of the command.
        seed: whether anything in it is random, so that it takes ``--seed``.
        cuda: whether it can compute on a CUDA device, so that it takes ``--device``.

    Returns:
        The command's parser, for further arguments.
    """
    added: argparse.ArgumentParser = group.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        formatter_class=_HelpFormatter,
    )
    added.set_defaults(run=run)
    added.add_argument("--quiet", action="store_true", help="show no progress bars")
    if seed:
        added.add_argument("--seed", type=int, default=0, help="random seed")
    if cuda:
        added.add_argument("--device", default="cpu", help="where to compute: cpu, cuda or cuda:N")
    added.add_argument(
        "--threads", type=int, help="number of CPU threads (default: as torch chooses)"
    )
    return added


def data_arguments(parser: argparse.ArgumentParser, split: str | None) -> None:
    """Add the arguments that choose a data set.

    Args:
        parser: of the command.
        split: default of ``--split``; None adds no such argument.
    """
    parser.add_argument(
        "--data",
        required=True,
        metavar="NAME:PATH",
        help=f"the data set: {_data_sets()}; see docs/data.md",
    )
    if split:
        parser.add_argument("--split", default=split, help="part of the data set")
    parser.add_argument(
        "--targets",
        nargs="+",
        metavar="CLASS",
        help="the target classes, whose boundaries matter (default: as the data set says)",
    )
    parser.add_argument(
        "--data-seed",
        type=int,
        help="seed of drawn scenes, or of a split that is chosen at random (default: 0)",
    )
    parser.add_argument("--cache", action="store_true", help="keep frames in memory")


def _data_sets() -> str:
    """The forms that ``--data`` takes, such as "camvid:PATH"."""
    from adaseg_fast.data import DATASETS

    return ", ".join(
        f"{name}:PATH" if reader.needs_path else f"{name}:COUNT"
        for name, reader in DATASETS.items()
    )


def trust_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that allows importing networks from outside this package."""
    parser.add_argument(
        "--network",
        action="append",
        default=[],
        metavar="MODULE:FACTORY",
        help="allow importing MODULE:FACTORY if the model file names it; may be given several "
        "times",
    )


def open_frames(
    options: argparse.Namespace, split: str, *, instances: bool = False
) -> SegmentationDataset:
    """Open a split of the data set that the arguments name.

    Args:
        options: with the arguments of `data_arguments`.
        split: part of the data set.
        instances: also read which object a pixel belongs to.

    Returns:
        The frames.

    Raises:
        ValueError: See `open_dataset`.
        DataError: The data set is missing, damaged or inconsistent.
    """
    from adaseg_fast.data import open_dataset

    return open_dataset(
        options.data,
        split,
        targets=options.targets,
        cache=options.cache,
        seed=options.data_seed,
        instances=instances,
    )


def open_splits(
    options: argparse.Namespace, splits: Sequence[str], *, instances: bool = False
) -> SegmentationDataset:
    """Open several splits as one.

    Args:
        options: with the arguments of `data_arguments`.
        splits: parts of the data set.
        instances: also read which object a pixel belongs to.

    Returns:
        The frames of all splits.

    Raises:
        ValueError: See `open_dataset`; or a split is named twice, or splits share a frame.
        DataError: The data set is missing, damaged or inconsistent.
    """
    from adaseg_fast.data.base import Joined

    twice = [split for number, split in enumerate(splits) if split in splits[:number]]
    if twice:
        raise ValueError(f"--split must name each part once, got {twice[0]!r} twice")
    parts = [open_frames(options, split, instances=instances) for split in splits]
    return parts[0] if len(parts) == 1 else Joined(parts)
