# SPDX-License-Identifier: Apache-2.0
"""``boundaries``, ``train sampler`` and ``train segmenter``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from adaseg_fast.cli.arguments import command, data_arguments, open_frames, size


def add_commands(commands: Any) -> None:
    boundaries = command(
        commands,
        "boundaries",
        _boundaries,
        "find the nearest boundary points of all training frames once, for 'train sampler'; "
        "given again it goes on where it stopped",
    )
    data_arguments(boundaries, "train")
    _boundary_arguments(boundaries)
    boundaries.add_argument("--crops", type=int, default=8, help="random squares of each frame")
    boundaries.add_argument("--min-scale", type=float, default=1.0, help="as in training")
    boundaries.add_argument("--workers", type=int, default=0, help="threads (0: one)")
    boundaries.add_argument("--output", type=Path, required=True, help="folder to write to")

    train = commands.add_parser("train", help="train a network").add_subparsers(
        required=True, metavar="WHAT"
    )
    sampler = command(
        train,
        "sampler",
        _train_sampler,
        "train the auxiliary network that chooses where to sample",
        cuda=True,
    )
    data_arguments(sampler, "train")
    sampler.add_argument("--validation-split", default="val", help="measured once at the end")
    sampler.add_argument("--no-validation", action="store_true", help="leave that out")
    sampler.add_argument("--view-size", type=size, default="32", help="the view it sees")
    _boundary_arguments(sampler)
    sampler.add_argument(
        "--boundary-cache", type=Path, metavar="FOLDER", help="what 'boundaries' wrote"
    )
    sampler.add_argument(
        "--loss",
        choices=("proposal", "energy"),
        default="proposal",
        help="difference from the minimum of eq. (2), or eq. (2) itself",
    )
    sampler.add_argument("--width", type=int, default=256, help="features of the network")
    sampler.add_argument("--lam", type=float, default=1.0, help="lambda of eq. (2)")
    _training_arguments(sampler)

    segmenter = command(
        train,
        "segmenter",
        _train_segmenter,
        "train a base network on downsampled images",
        cuda=True,
    )
    data_arguments(segmenter, "train")
    how = segmenter.add_mutually_exclusive_group(required=True)
    how.add_argument("--sampler", type=Path, help="sampler.safetensors of 'train sampler'")
    how.add_argument("--uniform", action="store_true", help="downsample uniformly")
    segmenter.add_argument("--size", type=size, default="64", help="the working size")
    segmenter.add_argument(
        "--network",
        default="unet",
        help="unet, pspnet-resnet50, deeplabv3plus-xception65, or MODULE:FACTORY",
    )
    segmenter.add_argument("--width", type=int, help="features of unet (256)")
    segmenter.add_argument("--balance", action="store_true", help="weigh rare classes more")
    _training_arguments(segmenter)


def _boundary_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tensor-size", type=size, default="8", help="of the sampling tensor")
    parser.add_argument(
        "--boundaries",
        choices=("targets", "all"),
        default="targets",
        help="those of the target classes, or of all",
    )


def _cache_settings(options: argparse.Namespace, frames: Any, crops: int, seed: int) -> Any:
    from adaseg_fast.data.transforms import Augmentation
    from adaseg_fast.engine.training.boundary_cache import CacheSettings

    drawn = "" if options.data_seed is None else f", seed {options.data_seed}"
    return CacheSettings.of(
        frames,
        f"{options.data}, {options.split}{drawn}",
        size=options.tensor_size,
        all_boundaries=options.boundaries == "all",
        augmentation=Augmentation(scale=(options.min_scale, 1.0)),
        crops=crops,
        seed=seed,
    )


def _boundaries(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.training.boundary_cache import fill_cache

    frames = open_frames(options, options.split)
    settings = _cache_settings(options, frames, options.crops, options.seed)
    parts = fill_cache(
        frames, options.output, settings, workers=options.workers, quiet=options.quiet
    )
    print(f"{parts} parts were missing; boundary points: {options.output}")
    return 0


def _training(options: argparse.Namespace, section: str, size: Any) -> dict[str, Any]:
    """What both trainings take; ``section`` of a preset is for networks fed with ``size``."""
    from adaseg_fast.data.transforms import Augmentation
    from adaseg_fast.engine.experiment.config import at_size, read_config
    from adaseg_fast.engine.training.loop import Schedule

    epochs, rate, batch_size = 60, 1e-3, 32
    if options.preset is not None:
        preset = getattr(read_config(options.preset), section)
        epochs, rate, batch_size = (
            preset.epochs,
            preset.learning_rate,
            at_size(preset.batch_size, size),
        )
    return {
        "schedule": Schedule(
            epochs if options.epochs is None else options.epochs,
            rate if options.lr is None else options.lr,
            options.final_lr,
            options.checkpoint_steps,
        ),
        "augmentation": Augmentation(
            scale=(options.min_scale, 1.0),
            contrast=options.contrast,
            brightness=options.brightness,
            color=options.color,
            noise=options.noise,
        ),
        "output": options.output,
        "batch_size": batch_size if options.batch_size is None else options.batch_size,
        "seed": options.seed,
        "workers": options.workers,
        "resume": options.resume,
        "tensorboard": options.tensorboard,
        "quiet": options.quiet,
    }


def _train_sampler(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.models.files import SamplerConfig
    from adaseg_fast.engine.training.boundary_cache import BoundaryCache, squares_of
    from adaseg_fast.engine.training.placement import joined
    from adaseg_fast.engine.training.sampler import train_sampler

    frames = open_frames(options, options.split)
    cache = None
    if options.boundary_cache is not None:
        settings = _cache_settings(options, frames, *squares_of(options.boundary_cache))
        cache = BoundaryCache(options.boundary_cache, settings)
    config = SamplerConfig(options.tensor_size, options.view_size, options.width, options.lam)
    validation = None if options.no_validation else open_frames(options, options.validation_split)
    with joined(options.device, amp=options.amp) as compute:
        result = train_sampler(
            frames,
            config,
            loss=options.loss,
            all_boundaries=options.boundaries == "all",
            cache=cache,
            validation=validation,
            compute=compute,
            **_training(options, "sampler", options.view_size),
        )
    if compute.first:
        for name, value in result.items():
            print(f"{name:>10}  {value:.6f}")
        print(f"sampler: {options.output / 'sampler.safetensors'}")
    return 0


def _train_segmenter(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.models.files import SegmenterConfig, load_sampler
    from adaseg_fast.engine.models.networks import network_width
    from adaseg_fast.engine.training.placement import joined
    from adaseg_fast.engine.training.segmenter import train_segmenter

    frames = open_frames(options, options.split)
    sampler, sampler_config = (None, None) if options.uniform else load_sampler(options.sampler)
    config = SegmenterConfig.of(
        frames.info,
        options.size,
        network=options.network,
        width=network_width(options.network, options.width),
        sampler=sampler_config,
    )
    with joined(options.device, amp=options.amp) as compute:
        result = train_segmenter(
            frames,
            config,
            sampler=sampler,
            balance=options.balance,
            compute=compute,
            **_training(options, "segmenter", options.size),
        )
    if compute.first:
        print(f"loss {result['loss']:.4f}\nmodel: {options.output / 'model.safetensors'}")
    return 0


def _training_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(several_processes=True)
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--preset",
        metavar="NAME",
        help="rate, epochs and batch size of this experiment at this size, see docs/experiments.md",
    )
    parser.add_argument("--epochs", type=int, help="passes over the frames (60, or the preset's)")
    parser.add_argument("--batch-size", type=int, help="frames a step (32, or the preset's)")
    parser.add_argument("--lr", type=float, help="learning rate at the start (1e-3, likewise)")
    parser.add_argument("--final-lr", type=float, default=0.05, help="share of it at the end")
    parser.add_argument(
        "--min-scale",
        type=float,
        default=1.0,
        help="smallest random square, as a share of the largest",
    )
    parser.add_argument("--contrast", type=float, default=0.2, help="largest relative change")
    parser.add_argument(
        "--brightness", type=float, default=0.1, help="largest shift, share of the range"
    )
    parser.add_argument(
        "--color", type=float, default=0.0, help="largest relative change of a channel"
    )
    parser.add_argument(
        "--noise", type=float, default=0.01, help="largest share of salt and pepper"
    )
    parser.add_argument("--workers", type=int, default=0, help="processes that read frames")
    parser.add_argument(
        "--amp", action="store_true", help="run networks in half precision where that is safe"
    )
    parser.add_argument(
        "--tensorboard", action="store_true", help="also write scalars to OUTPUT/tensorboard"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint in --output"
    )
    parser.add_argument(
        "--checkpoint-steps",
        type=int,
        default=0,
        help="steps between checkpoints within an epoch (0: none)",
    )
