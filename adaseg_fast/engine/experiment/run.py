# SPDX-License-Identifier: Apache-2.0
"""A whole experiment (sec. 4): boundary points, samplers, base networks, evaluations, results.

Everything lies in one folder, each step in a folder of its own with a file that is written last. A
step whose file is there is not done again, an interrupted training goes on where it was.

    experiment.json                           settings, versions
    boundaries/                               boundary points of the training frames
    samplers/view_32x32/seed_0/               sampler.safetensors
    segmenters/adaptive_64x64/seed_0/         model.safetensors
    evaluations/adaptive_64x64/seed_0/        evaluation.json, shortfall.json
    evaluations/ceiling/                      evaluation.json
    results.md, results.json, figures/        see `experiment_results`
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from adaseg_fast.data import DatasetInfo, SegmentationDataset, open_dataset
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.devices import device_of
from adaseg_fast.engine.evaluation.ceiling import ceiling, shortfall
from adaseg_fast.engine.evaluation.curves import read_record
from adaseg_fast.engine.evaluation.evaluate import (
    Evaluation,
    environment,
    evaluate,
    evaluation_record,
)
from adaseg_fast.engine.evaluation.examples import check_frames
from adaseg_fast.engine.experiment.config import (
    ConfigError,
    DataSection,
    ExperimentConfig,
    SamplerSection,
    SegmenterSection,
    Size,
    at_size,
)
from adaseg_fast.engine.experiment.equal_cost import equal_cost_size
from adaseg_fast.engine.models.config import SamplerConfig, SegmenterConfig
from adaseg_fast.engine.models.files import load_sampler, load_segmenter
from adaseg_fast.engine.models.networks import check_size, network_width
from adaseg_fast.engine.training.boundary_cache import BoundaryCache, CacheSettings, fill_cache
from adaseg_fast.engine.training.options import Schedule, TrainingOptions
from adaseg_fast.engine.training.placement import Placement
from adaseg_fast.engine.training.sampler import train_sampler
from adaseg_fast.engine.training.segmenter import train_segmenter
from adaseg_fast.nn import AdaptiveSegmenter
from adaseg_fast.storage import read_json, write_json

# A finished experiment may be extended by these, and go on with other workers.
_EXTENSIBLE = ("sizes", "seeds", "baseline_sizes")


@dataclass(frozen=True)
class Model:
    """One base network of an experiment.

    Attributes:
        sampling: "uniform" or "adaptive".
        size: its working size.
        seed: of its training.
        beside: the working size that it is compared at; another one where the costs are equal.
    """

    sampling: str
    size: Size
    seed: int
    beside: Size

    @property
    def folder(self) -> Path:
        """Where it lies, within ``segmenters`` and ``evaluations``."""
        return Path(f"{self.sampling}_{self.size[0]}x{self.size[1]}", f"seed_{self.seed}")


def run_experiment(
    config: ExperimentConfig,
    output: Path,
    *,
    device: str = "cpu",
    quiet: bool = False,
    say: Callable[[str], None],
) -> list[Model]:
    """Do what is not done yet, up to the evaluations.

    Args:
        config: what to do.
        output: the folder, new or of an earlier run with the same settings; sizes and seeds may be
            others than before.
        device: where to train and to measure: cpu, cuda or cuda:N.
        quiet: no progress bars.
        say: is told what is done.

    Returns:
        The models, in the order of sizes, then seeds.

    Raises:
        ConfigError: no data are named, or the folder belongs to other settings.
        ValueError: the network cannot take a size, or there is no frame that is to be an example.
    """
    if not config.data.train:
        raise ConfigError("the configuration names no data: give --data NAME:PATH")
    for size in (*config.sizes, *config.baseline_sizes):
        check_size(config.segmenter.network, size)
    output.mkdir(parents=True, exist_ok=True)
    _note_settings(output / "experiment.json", config)
    run = _Run(config, output, device_of(device), quiet, say)
    if config.evaluation.examples:
        check_frames(run.measured, config.evaluation.examples)
    plan = list(planned_models(config, run.frames.info))
    cache = run.boundary_points() if config.sampler.crops else None
    for model in plan:
        run.trained(model, cache)
    for model in plan:
        run.evaluated(model)
    if config.evaluation.ceiling:
        run.ceiling()
        for model in plan:
            if model.sampling == "adaptive":
                run.shortfall(model)
    return plan


def planned_models(config: ExperimentConfig, info: DatasetInfo) -> Iterator[Model]:
    """Uniform, adaptive and, where that is another size, uniform at equal cost; other baselines."""
    base = config.segmenter
    for size in config.sizes:
        chosen = [("uniform", size), ("adaptive", size)]
        if base.equal_cost:
            width = network_width(base.network, base.width)
            sampler = sampler_config(config.sampler, size)
            equal = equal_cost_size(base.network, width, info.num_classes, size, sampler)
            if equal != size:
                chosen.append(("uniform", equal))
        for seed in config.seeds:
            for sampling, own in chosen:
                yield Model(sampling, own, seed, size)
    for size in config.baseline_sizes:
        if size not in config.sizes:
            for seed in config.seeds:
                yield Model("uniform", size, seed, size)


def sampler_config(section: SamplerSection, size: Size) -> SamplerConfig:
    """The auxiliary network for a working size."""
    view = at_size(section.view_size, size)
    tensor = section.tensor_size
    return SamplerConfig((tensor, tensor), (view, view), section.width, section.lam)


def evaluation_frames(data: DataSection, *, instances: bool = False) -> SegmentationDataset:
    """The frames that are measured."""
    return _open(data, data.evaluation or data.train, data.evaluation_split, instances=instances)


def _open(data: DataSection, spec: str, split: str, **how: Any) -> SegmentationDataset:
    return open_dataset(spec, split, targets=data.targets, cache=data.cache, seed=data.seed, **how)


class _Run:
    """The steps, each with its files under ``output``."""

    def __init__(
        self,
        config: ExperimentConfig,
        output: Path,
        device: torch.device,
        quiet: bool,
        say: Callable[[str], None],
    ) -> None:
        self.config, self.output, self.quiet, self.say = config, output, quiet, say
        self.device = device
        data = config.data
        self.frames = _open(data, data.train, data.split)
        instances = "objects" in config.evaluation.metrics
        self.measured = evaluation_frames(data, instances=instances)

    def boundary_points(self) -> BoundaryCache:
        """The cached targets of the auxiliary network."""
        data, section = self.config.data, self.config.sampler
        drawn = "" if data.seed is None else f", seed {data.seed}"
        settings = CacheSettings.of(
            self.frames,
            f"{data.train}, {data.split}{drawn}",
            size=(section.tensor_size, section.tensor_size),
            all_boundaries=section.boundaries == "all",
            augmentation=self._augmentation(),
            crops=section.crops,
            seed=0,
        )
        folder = self.output / "boundaries"
        self.say("boundary points")
        fill_cache(self.frames, folder, settings, workers=data.workers, quiet=self.quiet)
        return BoundaryCache(folder, settings)

    def trained(self, model: Model, cache: BoundaryCache | None) -> None:
        """Train a base network, and before it the auxiliary network it needs."""
        section, folder = self.config.segmenter, self.output / "segmenters" / model.folder
        if (folder / "result.json").is_file():
            return
        sampler, sampler_settings = None, None
        if model.sampling == "adaptive":
            sampler, sampler_settings = load_sampler(self._sampler(model, cache))
        self.say(f"base network, {model.folder}")
        config = SegmenterConfig.of(
            self.frames.info,
            model.size,
            network=section.network,
            width=network_width(section.network, section.width),
            sampler=sampler_settings,
        )
        batch = at_size(section.batch_size, model.beside)
        result = train_segmenter(
            self.frames,
            config,
            self._training(section, batch, model.seed, folder),
            sampler=sampler,
            balance=section.balance,
        )
        write_json(folder / "result.json", result)

    def _sampler(self, model: Model, cache: BoundaryCache | None) -> Path:
        section = self.config.sampler
        config = sampler_config(section, model.beside)
        rows, cols = config.view_size
        folder = self.output / "samplers" / f"view_{rows}x{cols}" / f"seed_{model.seed}"
        if not (folder / "result.json").is_file():
            self.say(f"auxiliary network, view {rows}x{cols}, seed {model.seed}")
            result = train_sampler(
                self.frames,
                config,
                self._training(section, at_size(section.batch_size, config.view_size),
                               model.seed, folder),
                loss=section.loss,
                all_boundaries=section.boundaries == "all",
                cache=cache,
                validation=self.measured,
            )  # fmt: skip
            write_json(folder / "result.json", result)
        return folder / "sampler.safetensors"

    def _training(
        self, section: SamplerSection | SegmenterSection, batch: int, seed: int, folder: Path
    ) -> TrainingOptions:
        return TrainingOptions(
            output=folder,
            schedule=Schedule(section.epochs, section.rate, section.final_rate),
            augmentation=self._augmentation(),
            batch_size=batch,
            seed=seed,
            workers=self.config.data.workers,
            placement=Placement(self.device, section.amp),
            resume=(folder / "checkpoint.pt").is_file(),
            quiet=self.quiet,
        )

    def _augmentation(self) -> Augmentation:
        bounds = self.config.augmentation
        return Augmentation(
            scale=(bounds.min_scale, 1.0),
            contrast=bounds.contrast,
            brightness=bounds.brightness,
            color=bounds.color,
            noise=bounds.noise,
        )

    def evaluated(self, model: Model) -> None:
        """Measure a base network at the frames' own resolution."""
        file = self.output / "evaluations" / model.folder / "evaluation.json"
        if file.is_file():
            return
        self.say(f"evaluation, {model.folder}")
        section = self.config.evaluation
        network, settings = self._load(model)
        result = evaluate(
            network,
            settings,
            self.measured,
            metrics=section.metrics,
            crop=section.crop,
            quiet=self.quiet,
        )
        self._write_evaluation(file, [_model_file(model)], [result])

    def shortfall(self, model: Model) -> None:
        """Where an adaptive model loses what ideal sampling allows."""
        file = self.output / "evaluations" / model.folder / "shortfall.json"
        if file.is_file():
            return
        self.say(f"what {model.folder} falls short of")
        crop = self.config.evaluation.crop
        results = shortfall(*self._load(model), self.measured, crop=crop, quiet=self.quiet)
        self._write_evaluation(file, [_model_file(model)], results)

    def _load(self, model: Model) -> tuple[AdaptiveSegmenter, SegmenterConfig]:
        path = self.output / "segmenters" / _model_file(model)
        network, settings = load_segmenter(path, (self.config.segmenter.network,))
        return network.to(self.device), settings

    def ceiling(self) -> None:
        """What sampling alone allows, uniform and ideal; anew when there are new sizes."""
        file = self.output / "evaluations" / "ceiling" / "evaluation.json"
        sizes = [list(size) for size in self.config.sizes]
        if file.is_file() and read_record(file).get("sizes") == sizes:
            return
        self.say("what sampling alone allows")
        section = self.config.sampler
        tensor = (section.tensor_size, section.tensor_size)
        results = [
            ceiling(
                self.measured,
                size,
                tensor_size=tensor_size,
                lam=section.lam,
                crop=self.config.evaluation.crop,
                quiet=self.quiet,
            )
            for size in self.config.sizes
            for tensor_size in (None, tensor)
        ]
        self._write_evaluation(file, [], results, sizes=sizes)

    def _write_evaluation(
        self, file: Path, models: list[str], results: Sequence[Evaluation], **more: Any
    ) -> None:
        split, crop = (self.config.data.evaluation_split,), self.config.evaluation.crop
        record = evaluation_record(self.measured, split, crop, models, results)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, record | more)


def _model_file(model: Model) -> str:
    return str(model.folder / "model.safetensors")


def _note_settings(file: Path, config: ExperimentConfig) -> None:
    """Refuse other settings than those of an earlier run; else note them and the versions."""
    wanted = json.loads(json.dumps(replace(config, data=replace(config.data, workers=0)).plain()))
    versions = [environment()]
    if file.is_file():
        earlier = read_json(file)
        try:
            there, before = earlier["settings"], earlier["environments"]
            different = [
                f"{section}.{key} ({there[section].get(key)} there, {value} now)"
                for section in wanted.keys() - set(_EXTENSIBLE)
                for key, value in wanted[section].items()
                if there[section].get(key) != value
            ]
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{file}: does not hold the settings of an experiment") from error
        if different:
            raise ConfigError(f"{file}: belongs to other settings: {', '.join(sorted(different))}")
        versions = [*before, *(each for each in versions if each not in before)]
    write_json(file, {"settings": wanted, "environments": versions})
