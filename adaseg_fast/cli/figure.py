# SPDX-License-Identifier: Apache-2.0
"""``figure`` draws pictures of single frames."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from adaseg_fast.cli.arguments import command, data_arguments, open_frames, size, trust_argument


def add_commands(commands: Any) -> None:
    text = "draw pictures of single frames: sampling locations, and what models predict"
    figures = commands.add_parser("figure", help=text, description=f"{text[0].upper()}{text[1:]}.")
    kinds = figures.add_subparsers(required=True, metavar="WHAT")

    by_lambda = command(
        kinds,
        "lambda",
        _lambda,
        "draw ideal sampling locations for several lambda (Fig. 3)",
        seed=False,
    )
    _common(by_lambda)
    _frame(by_lambda)
    by_lambda.add_argument(
        "--lam",
        type=float,
        nargs="+",
        default=[0.01, 0.1, 1, 10, 100],
        help="values of lambda; one panel per value",
    )
    by_lambda.add_argument(
        "--tensor-size", type=size, default="32", help="size of the sampling tensor"
    )
    by_lambda.add_argument(
        "--boundaries",
        choices=("targets", "all"),
        default="targets",
        help="boundaries of the target classes, or of all classes",
    )

    tensor = command(
        kinds,
        "tensor",
        _tensor,
        "draw a sampling tensor and what it is resized to (Fig. 5)",
        seed=False,
    )
    _common(tensor)
    _frame(tensor)
    tensor.add_argument(
        "--model", type=Path, help="an adaptive model: draw the tensor that it predicts"
    )
    trust_argument(tensor)
    tensor.add_argument(
        "--tensor-size", type=size, default="8", help="size of the ideal tensor, without --model"
    )
    tensor.add_argument(
        "--lam", type=float, default=1.0, help="lambda of the ideal tensor, without --model"
    )
    tensor.add_argument("--size", type=size, default="16", help="size to resize it to")

    _add_examples(kinds)


def _add_examples(kinds: Any) -> None:
    shown = command(
        kinds,
        "examples",
        _examples,
        "draw sampling locations, predicted labels and truth of several frames (Fig. 7)",
        seed=False,
    )
    _common(shown)
    shown.add_argument("--uniform", type=Path, required=True, help="file of a uniform model")
    shown.add_argument("--adaptive", type=Path, required=True, help="file of an adaptive model")
    trust_argument(shown)
    shown.add_argument(
        "--frames",
        type=int,
        nargs="+",
        default=[0, 1, 2],
        help="indices of the frames, from 0; one row per frame",
    )


def _common(parser: argparse.ArgumentParser) -> None:
    data_arguments(parser, "val")
    parser.add_argument(
        "--crop",
        choices=("square", "none"),
        default="square",
        help="the central largest square of the frame, or the whole frame",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE.png", help="PNG file to write"
    )


def _frame(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frame", type=int, default=0, help="index of the frame, from 0")


def _one(options: argparse.Namespace) -> tuple[Any, Any]:
    """The chosen frame, and its data set's classes."""
    from adaseg_fast.engine.evaluation.frame_pictures import check_frames
    from adaseg_fast.engine.evaluation.measures import cropped

    _check_output(options.output)
    frames = open_frames(options, options.split)
    check_frames(frames, [options.frame])
    return cropped(frames[options.frame], options.crop), frames.info


def _lambda(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.evaluation.frame_pictures import sampling_by_lambda

    frame, info = _one(options)
    everything = options.boundaries == "all"
    picture = sampling_by_lambda(
        frame, info, options.lam, options.tensor_size, all_boundaries=everything
    )
    return _write(options.output, picture)


def _tensor(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.evaluation.ceiling import ideal_tensor
    from adaseg_fast.engine.evaluation.frame_pictures import predicted_tensor, tensor_and_resized
    from adaseg_fast.engine.models.files import load_segmenter
    from adaseg_fast.engine.models.frames import frame_tensors

    frame, info = _one(options)
    if options.model is None:
        truth = frame_tensors(frame)[1]
        coarse = ideal_tensor(truth, info, options.tensor_size, options.lam)[0]
    else:
        coarse = predicted_tensor(frame, load_segmenter(options.model, options.network)[0])
    return _write(options.output, tensor_and_resized(frame, coarse, options.size))


def _examples(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.evaluation.frame_pictures import examples
    from adaseg_fast.engine.models.files import load_segmenter

    _check_output(options.output)
    picture = examples(
        open_frames(options, options.split),
        options.frames,
        load_segmenter(options.uniform, options.network),
        load_segmenter(options.adaptive, options.network),
        crop=options.crop,
        quiet=options.quiet,
    )
    return _write(options.output, picture)


def _check_output(path: Path) -> None:
    """Refuse a file that cannot be written before anything is drawn."""
    from adaseg_fast.storage import prepare_file

    if path.suffix.lower() != ".png":
        raise ValueError(f"--output must be a file called NAME.png, got {path}")
    prepare_file(path)


def _write(path: Path, picture: bytes) -> int:
    from adaseg_fast.storage import write_atomically

    write_atomically(path, picture)
    print(path)
    return 0
