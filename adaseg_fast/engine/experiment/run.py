# SPDX-License-Identifier: Apache-2.0
"""A whole experiment (sec. 4): boundary points, samplers, base networks, evaluations.

Everything is in one folder. Each step has a folder of its own, with a file that it writes last. A
step whose last file exists is not done again, and an interrupted training continues from its
checkpoint, with an identical result.

    experiment.json                           settings, versions
    boundaries/                               boundary points of the training frames
    samplers/view_32x32/seed_0/               sampler.safetensors
    segmenters/adaptive_64x64/seed_0/         model.safetensors
    evaluations/adaptive_64x64/seed_0/        evaluation.json, shortfall.json
    evaluations/ceiling/                      evaluation.json
    results.md, results.json, figures/        see `results`, `report` and `frame_pictures`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from adaseg_fast.engine.devices import device_of
from adaseg_fast.engine.evaluation.ceiling import ceiling
from adaseg_fast.engine.evaluation.evaluate import Evaluation, evaluate, evaluation_record
from adaseg_fast.engine.evaluation.options import MeasureOptions
from adaseg_fast.engine.evaluation.records import EvaluationRecord, read_evaluation
from adaseg_fast.engine.evaluation.shortfall import shortfall
from adaseg_fast.engine.experiment.check import check_experiment
from adaseg_fast.engine.experiment.config import (
    ConfigError,
    ExperimentConfig,
    SamplerSection,
    SegmenterSection,
    at_size,
)
from adaseg_fast.engine.experiment.folders import keep_batches_apart
from adaseg_fast.engine.experiment.plan import (
    Model,
    augmentation,
    batch_of,
    evaluation_frames,
    planned_models,
    sampler_config,
    schedule_of,
    training_frames,
)
from adaseg_fast.engine.experiment.settings import note_settings
from adaseg_fast.engine.models.config import SegmenterConfig
from adaseg_fast.engine.models.files import load_sampler, load_segmenter
from adaseg_fast.engine.models.networks import network_width
from adaseg_fast.engine.tables import size_text
from adaseg_fast.engine.training.boundary_cache import (
    BoundaryCache,
    CacheSettings,
    describe_source,
    fill_cache,
)
from adaseg_fast.engine.training.options import TrainingOptions
from adaseg_fast.engine.training.placement import Placement
from adaseg_fast.engine.training.sampler import train_sampler
from adaseg_fast.engine.training.segmenter import train_segmenter
from adaseg_fast.nn import AdaptiveSegmenter
from adaseg_fast.storage import write_json


def run_experiment(
    config: ExperimentConfig,
    output: Path,
    *,
    device: str = "cpu",
    quiet: bool = False,
    say: Callable[[str], None],
) -> list[Model]:
    """Do every step up to the evaluations that has not been done yet.

    Args:
        config: what to do.
        output: the folder, new or of an earlier run with the same settings; only sizes and seeds
            may be others than before.
        device: where to train and to measure: cpu, cuda or cuda:N.
        quiet: whether to leave out progress bars.
        say: is called with the name of each step that begins.

    Returns:
        The models, in the order of sizes, then seeds.

    Raises:
        ConfigError: the configuration names no data, or the folder belongs to other settings.
        ValueError: a value of the configuration is out of its range or does not fit the data or
            the network. Nothing is written then.
    """
    if not config.data.train:
        raise ConfigError("the configuration names no data: give --data NAME:PATH")
    run = _Run(config, output, device_of(device), quiet, say)
    check_experiment(config, run.frames, run.measured, run.device)
    plan = list(planned_models(config, run.frames.info))
    output.mkdir(parents=True, exist_ok=True)
    note_settings(output / "experiment.json", config)
    keep_batches_apart(plan, output, config.segmenter)
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


class _Run:
    """The steps of an experiment. Each writes its files under ``output``."""

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
        self.frames = training_frames(config.data)
        instances = "objects" in config.evaluation.metrics
        self.measured = evaluation_frames(config.data, instances=instances)

    def boundary_points(self) -> BoundaryCache:
        """The boundary points that the auxiliary network is trained on."""
        data, section = self.config.data, self.config.sampler
        settings = CacheSettings.of(
            self.frames,
            describe_source(data.train, data.split, data.seed),
            size=(section.tensor_size, section.tensor_size),
            all_boundaries=section.boundaries == "all",
            augmentation=augmentation(self.config.augmentation),
            crops=section.crops,
            seed=0,
        )
        folder = self.output / "boundaries"
        self.say("boundary points")
        fill_cache(self.frames, folder, settings, workers=data.workers, quiet=self.quiet)
        return BoundaryCache(folder, settings)

    def trained(self, model: Model, cache: BoundaryCache | None) -> None:
        """Train a base network, after the auxiliary network that it needs."""
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
        batch = batch_of(model, section)
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
        config = sampler_config(section, model.compared_size)
        view = size_text(config.view_size)
        folder = self.output / "samplers" / f"view_{view}" / f"seed_{model.seed}"
        if not (folder / "result.json").is_file():
            self.say(f"auxiliary network, view {view}, seed {model.seed}")
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
            schedule=schedule_of(section),
            augmentation=augmentation(self.config.augmentation),
            batch_size=batch,
            seed=seed,
            workers=self.config.data.workers,
            placement=Placement(self.device, section.amp),
            resume=(folder / "checkpoint.pt").is_file(),
            quiet=self.quiet,
        )

    def evaluated(self, model: Model) -> None:
        """Measure a base network at the frames' own resolution."""
        file = self.output / "evaluations" / model.folder / "evaluation.json"
        if file.is_file():
            return
        self.say(f"evaluation, {model.folder}")
        options = self._options(self.config.evaluation.metrics)
        result = evaluate(*self._load(model), self.measured, options)
        self._write(file, self._record([model], [result]))

    def shortfall(self, model: Model) -> None:
        """Measure what an adaptive model loses against ideal sampling."""
        file = self.output / "evaluations" / model.folder / "shortfall.json"
        if file.is_file():
            return
        self.say(f"what {model.folder} falls short of")
        results = shortfall(*self._load(model), self.measured, self._options())
        self._write(file, self._record([model], results))

    def ceiling(self) -> None:
        """Measure what sampling alone allows, uniform and ideal; again when there are new sizes."""
        file = self.output / "evaluations" / "ceiling" / "evaluation.json"
        sizes = list(self.config.sizes)
        if file.is_file() and read_evaluation(file).get("sizes") == sizes:
            return
        self.say("what sampling alone allows")
        section, options = self.config.sampler, self._options()
        tensor = (section.tensor_size, section.tensor_size)
        results = [
            ceiling(self.measured, size, options, tensor_size=tensor_size, lam=section.lam)
            for size in sizes
            for tensor_size in (None, tensor)
        ]
        record = self._record([], results)
        record["sizes"] = sizes
        self._write(file, record)

    def _options(self, metrics: tuple[str, ...] = ("iou",)) -> MeasureOptions:
        return MeasureOptions(metrics, self.config.evaluation.crop, quiet=self.quiet)

    def _load(self, model: Model) -> tuple[AdaptiveSegmenter, SegmenterConfig]:
        path = self.output / "segmenters" / model.file
        network, settings = load_segmenter(path, (self.config.segmenter.network,))
        return network.to(self.device), settings

    def _record(self, models: Sequence[Model], results: Sequence[Evaluation]) -> EvaluationRecord:
        split, crop = (self.config.data.evaluation_split,), self.config.evaluation.crop
        names = [str(model.file) for model in models]
        return evaluation_record(self.measured, split, crop, names, results)

    def _write(self, file: Path, record: EvaluationRecord) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, record)
