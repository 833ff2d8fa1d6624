# SPDX-License-Identifier: Apache-2.0
"""``predict`` and ``shrink``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from adaseg_fast.cli.arguments import command, trust_argument


def add_commands(commands: Any) -> None:
    """Add the commands of this file."""
    predict = command(
        commands,
        "predict",
        _predict,
        "label every pixel of pictures with a trained model; writes OUTPUT/NAME.png with class "
        "numbers and OUTPUT/NAME_overlay.png with colours; a photo with an EXIF orientation is "
        "turned upright, and its results with it",
        seed=False,
        cuda=True,
    )
    predict.add_argument(
        "inputs",
        type=Path,
        nargs="+",
        help="pictures (JPEG, PNG, BMP, TIFF or WebP), or folders of "
        "pictures, without their subfolders",
    )
    predict.add_argument("--model", type=Path, required=True, help="the model.safetensors to use")
    trust_argument(predict)
    predict.add_argument("--output", type=Path, required=True, help="folder to write to")
    predict.add_argument("--labels-only", action="store_true", help="write no overlays")
    predict.add_argument(
        "--plot-sampling",
        action="store_true",
        help="also write OUTPUT/NAME_sampling.png, the picture with its sampling points",
    )
    predict.add_argument(
        "--keep-going",
        action="store_true",
        help="skip pictures that cannot be read or whose results cannot be written, list them at "
        "the end, and exit with status 1",
    )
    predict.add_argument(
        "--resume",
        action="store_true",
        help="skip pictures that already have output files, even from another model",
    )

    shrink = command(
        commands,
        "shrink",
        _shrink,
        "store the weights of a model in half precision, for a smaller file",
        seed=False,
    )
    shrink.add_argument("model", type=Path, help="the model.safetensors to read")
    trust_argument(shrink)
    shrink.add_argument("--output", type=Path, required=True, help="file to write")


def _predict(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.models.files import load_segmenter
    from adaseg_fast.engine.predict import predict

    model, config = load_segmenter(options.model, options.network)
    failures = predict(
        model.to(options.device),
        config,
        options.inputs,
        options.output,
        drawings=["overlay"] * (not options.labels_only) + ["sampling"] * options.plot_sampling,
        keep_going=options.keep_going,
        resume=options.resume,
        quiet=options.quiet,
    )
    for failure in failures:
        print(f"adaseg-fast: {failure.reason}", file=sys.stderr)
    if failures:
        print(f"adaseg-fast: {len(failures)} pictures failed", file=sys.stderr)
    return 1 if failures else 0


def _shrink(options: argparse.Namespace) -> int:
    import torch

    from adaseg_fast.engine.models.files import load_segmenter, save_model
    from adaseg_fast.storage import prepare_file

    prepare_file(options.output)
    model, config = load_segmenter(options.model, options.network)
    save_model(options.output, model, config, dtype=torch.float16)
    print(f"{options.output}: {options.output.stat().st_size / 2**20:.2f} MiB")
    return 0
