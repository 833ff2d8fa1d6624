# SPDX-License-Identifier: Apache-2.0
"""Arguments that several commands share, and what is made of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

Size = tuple[int, int]


def size(text: str) -> Size:
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdigit() and int(part) >= 2 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; say 64 or 64x96 (rows x columns)")
    return int(parts[0]), int(parts[-1])


def names(text: str) -> tuple[str, ...]:
    """Several names with commas between."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def command(
    group: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
    *,
    seed: bool = True,
    cuda: bool = False,
) -> argparse.ArgumentParser:
    """A new command called ``name`` with the arguments that all have; ``run`` does its work.

    Args:
        cuda: whether it can compute on a CUDA device; the others take no device at all.
    """
    added: argparse.ArgumentParser = group.add_parser(
        name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    added.set_defaults(run=run)
    added.add_argument("--quiet", action="store_true", help="no progress bars")
    if seed:
        added.add_argument("--seed", type=int, default=0, help="of everything random")
    if cuda:
        added.add_argument("--device", default="cpu", help="where to compute: cpu, cuda or cuda:N")
    added.add_argument("--threads", type=int, help="threads to compute with (torch's default)")
    return added


def data_arguments(parser: argparse.ArgumentParser, split: str | None) -> None:
    parser.add_argument(
        "--data",
        required=True,
        metavar="NAME:PATH",
        help="camvid:PATH, cityscapes:PATH, apolloscape:PATH, synthia:PATH, supervisely:PATH, "
        "folder:PATH, synthetic:COUNT; see docs/data.md",
    )
    if split:
        parser.add_argument("--split", default=split, help="part of the data set")
    parser.add_argument(
        "--targets",
        nargs="+",
        metavar="CLASS",
        help="classes whose boundaries matter (the data set's own)",
    )
    parser.add_argument(
        "--data-seed",
        type=int,
        help="of drawn scenes, or of a split chosen at random (0 unless said)",
    )
    parser.add_argument("--cache", action="store_true", help="keep frames in memory")


def trust_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--network",
        action="append",
        default=[],
        metavar="MODULE:FACTORY",
        help="code that may be imported if a model file names it as its network; may be repeated",
    )


def open_frames(options: argparse.Namespace, split: str, *, instances: bool = False) -> Any:
    """The split of the data set that the arguments name."""
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
) -> Any:
    """Several splits as one."""
    from adaseg_fast.data.base import Joined

    parts = [open_frames(options, split, instances=instances) for split in splits]
    return parts[0] if len(parts) == 1 else Joined(parts)
