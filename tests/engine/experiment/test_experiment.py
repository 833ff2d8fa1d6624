# SPDX-License-Identifier: Apache-2.0
"""A whole experiment on a few small scenes: files, tables, and continuing an interrupted run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from adaseg_fast.engine.experiment import run as module
from adaseg_fast.engine.experiment.config import ConfigError, ExperimentConfig, parse_config
from adaseg_fast.engine.experiment.plan import (
    Model,
    evaluation_frames,
    planned_models,
    sampler_config,
)
from adaseg_fast.engine.experiment.report import _at_equal_latency, report
from adaseg_fast.engine.experiment.results import Group, gather, mean_of, write_results
from adaseg_fast.engine.experiment.run import run_experiment
from adaseg_fast.engine.models.files import load_segmenter
from adaseg_fast.engine.tables import markdown_table
from adaseg_fast.engine.training import loop
from adaseg_fast.storage import StorageError

TRAINING = {"epochs": 2, "learning_rate": 3e-3, "batch_size": 2}
CONFIG = parse_config(
    {
        "sizes": [16],
        "seeds": [0, 1],
        "data": {"train": "synthetic:4x64", "evaluation": "synthetic:2x64", "cache": True},
        "sampler": TRAINING | {"view_size": 32, "tensor_size": 4, "width": 16, "crops": 2},
        "segmenter": TRAINING | {"width": 16},
        "evaluation": {"examples": [0, 1]},
    },
    "test",
)


def run(config: ExperimentConfig, output: Path) -> tuple[list[Model], list[str]]:
    said: list[str] = []
    return run_experiment(config, output, quiet=True, say=said.append), said


def quality(output: Path) -> dict[str, Any]:
    """Every figure but times, by file."""
    found = {}
    for file in sorted((output / "evaluations").rglob("evaluation.json")):
        results = json.loads(file.read_text())["results"]
        timeless = [
            {k: v for k, v in each.items() if k not in ("median_ms", "latency_ms")}
            for each in results
        ]
        found[str(file.relative_to(output))] = timeless
    return found


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Model]]:
    output = tmp_path_factory.mktemp("experiment")
    return output, run(CONFIG, output)[0]


def test_models_of_a_size(done: tuple[Path, list[Model]]) -> None:
    output, plan = done
    first = [model for model in plan if model.seed == 0]
    assert [(model.sampling, model.size == (16, 16)) for model in first] == [
        ("uniform", True),
        ("adaptive", True),
        ("uniform", False),
    ]
    assert len(plan) == 6 and all(model.compared_size == (16, 16) for model in plan)
    for model in plan:
        _, config = load_segmenter(output / "segmenters" / model.folder / "model.safetensors")
        assert config.size == model.size
        assert (config.sampler is not None) == (model.sampling == "adaptive")
    files = {str(path) for path in quality(output)}
    assert len(files) == 7 and "evaluations/ceiling/evaluation.json" in files


def test_equal_cost_is_equal(done: tuple[Path, list[Model]]) -> None:
    output, plan = done
    groups = {group.name: group for group in gather(output, plan).groups}
    cost = {n: sum(group.mean["multiply_adds"].values()) for n, group in groups.items()}
    assert set(cost) == {"ours", "baseline", "baseline, equal cost"}
    assert cost["baseline"] < 0.6 * cost["ours"]
    assert cost["baseline, equal cost"] == pytest.approx(cost["ours"], rel=0.1)


def test_settings_and_versions_are_noted(done: tuple[Path, list[Model]]) -> None:
    noted = json.loads((done[0] / "experiment.json").read_text())
    assert noted["settings"]["segmenter"]["width"] == 16
    assert noted["environments"][0]["torch"]


def test_a_finished_experiment_is_not_done_again(
    done: tuple[Path, list[Model]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise AssertionError("done again")

    for name in ("train_sampler", "train_segmenter", "evaluate", "ceiling", "shortfall"):
        monkeypatch.setattr(module, name, refused)
    plan, said = run(CONFIG, done[0])
    assert plan == done[1] and said == ["boundary points"]


@pytest.mark.parametrize("stop_at", [1, 6, 11])
def test_an_interrupted_experiment_continues(
    done: tuple[Path, list[Model]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    steps = 0
    real = loop._step

    def interrupted(*args: Any, **how: Any) -> float:
        nonlocal steps
        if steps == stop_at:
            raise KeyboardInterrupt
        steps += 1
        return real(*args, **how)

    config = replace(CONFIG, seeds=(0,))
    monkeypatch.setattr(loop, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path)
    monkeypatch.setattr(loop, "_step", real)
    run(config, tmp_path)
    whole = quality(done[0])
    for name, results in quality(tmp_path).items():
        assert results == whole[name], name


def test_more_seeds_and_sizes_later(tmp_path: Path) -> None:
    small = replace(CONFIG, seeds=(0,), segmenter=replace(CONFIG.segmenter, equal_cost=False))
    assert len(run(small, tmp_path)[0]) == 2
    plan, said = run(replace(small, sizes=((16, 16), (24, 24))), tmp_path)
    assert len(plan) == 4
    assert [step for step in said if "16x16" in step] == []
    assert "what sampling alone allows" in said
    with pytest.raises(ConfigError, match=r"other settings: segmenter.epochs \(2 there, 3 now\)"):
        run(replace(small, segmenter=replace(small.segmenter, epochs=3)), tmp_path)
    run(
        replace(small, data=replace(small.data, workers=1)), tmp_path
    )  # the number of workers may change
    (tmp_path / "experiment.json").write_text("[]")
    with pytest.raises(ConfigError, match="does not hold the settings"):
        run(small, tmp_path)


def test_further_baselines(tmp_path: Path) -> None:
    small = replace(CONFIG, seeds=(0,), segmenter=replace(CONFIG.segmenter, equal_cost=False))
    run(small, tmp_path)
    plan, said = run(replace(small, baseline_sizes=((16, 16), (24, 24))), tmp_path)
    assert [model.size for model in plan if model.sampling == "uniform"] == [(16, 16), (24, 24)]
    assert [model.size for model in plan if model.sampling == "adaptive"] == [(16, 16)]
    assert said.count("base network, uniform_24x24/seed_0") == 1
    results = gather(tmp_path, plan)
    assert [group.name for group in results.groups] == ["ours", "baseline", "baseline"]
    lines = report(results, "t").split("What adaptive sampling gains")[1].splitlines()
    assert sum(line.startswith("| 16x16") and "equal latency" in line for line in lines) == 1
    assert write_results(results, tmp_path)


def test_without_data_and_of_a_wrong_size(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give --data"):
        run(replace(CONFIG, data=replace(CONFIG.data, train="")), tmp_path)
    examples = replace(CONFIG.evaluation, examples=(2,))
    with pytest.raises(ValueError, match="there is no frame 2"):
        run(replace(CONFIG, evaluation=examples), tmp_path / "other")
    network = replace(CONFIG.segmenter, network="pspnet-resnet50", width=None)
    with pytest.raises(ValueError, match="multiples of 8"):
        run(replace(CONFIG, sizes=((20, 20),), segmenter=network), tmp_path)


def test_a_view_for_each_size() -> None:
    config = replace(
        CONFIG,
        sizes=((16, 16), (32, 32)),
        sampler=replace(CONFIG.sampler, view_size={16: 16, 32: 64}),
    )
    views = [sampler_config(config.sampler, size).view_size for size in config.sizes]
    assert views == [(16, 16), (64, 64)]
    info = evaluation_frames(config.data).info
    equal = {
        m.compared_size: m.size for m in planned_models(config, info) if m.size != m.compared_size
    }
    assert equal[16, 16] < equal[32, 32]


def test_the_report_holds_what_was_measured(done: tuple[Path, list[Model]]) -> None:
    results = gather(*done)
    text = report(results, "Experiment test")
    adaptive = [json.loads((done[0] / "evaluations" / model.folder / "evaluation.json").read_text())
                for model in done[1] if model.sampling == "adaptive"]  # fmt: skip
    each = [record["results"][0]["mean_iou"] for record in adaptive]
    shown = f"{50 * sum(each):.1f} ({100 * each[0]:.1f}, {100 * each[1]:.1f})"
    line = next(line for line in text.splitlines() if line.startswith("| ours"))
    assert "16x16" in line and shown in line
    for heading in (
        "Cost by stage",
        "Boundaries and small objects",
        "What sampling alone allows",
        "Where the rest is lost",
    ):
        assert heading in text
    lost = next(line for line in text.split("Where the rest is lost")[1].splitlines()
                if line.startswith("| 16x16"))  # fmt: skip
    shown = [float(cell) for cell in lost.split("|")[2:-1]]
    group = next(group for group in results.groups if group.name == "ours")
    assert shown[1] == pytest.approx(100 * group.shortfall[0]["target_mean_iou"], abs=0.051)
    assert shown[4] == pytest.approx(100 * group.mean["target_mean_iou"], abs=0.051)
    assert "baseline, equal cost" in text and "pedestrian *" in text


def test_gain_at_equal_latency() -> None:
    def group(sampling: str, side: int, latency: float, *values: float) -> Group:
        seeds = {
            seed: {"latency_ms": latency, "mean_iou": value, "target_mean_iou": None}
            for seed, value in enumerate(values)
        }
        mean = {"latency_ms": latency}
        return Group(sampling, (side, side), (side, side), seeds, mean)

    ours = group("adaptive", 16, 3.0, 0.50, 0.60)
    uniform = [group("uniform", 16, 2.0, 0.40, 0.40), group("uniform", 32, 6.0, 0.48, 0.80)]
    # At 3 ms, a quarter of the way, the baselines are at 0.42 and 0.50.
    assert _at_equal_latency(ours, [ours, *uniform]) == ["+9.0 (+8.0, +10.0)", "-"]
    assert _at_equal_latency(ours, [ours, uniform[0]]) == ["-", "-"]


def test_an_evaluation_of_another_version_is_named(tmp_path: Path) -> None:
    plan = [Model("uniform", (16, 16), 0, (16, 16))]
    file = tmp_path / "evaluations" / plan[0].folder / "evaluation.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"data": "x", "split": ["val"], "frames": 1, "crop": "none", "results": [{}]}')
    with pytest.raises(StorageError, match=r"evaluation\.json: is not an evaluation\.json of this"):
        gather(tmp_path, plan)


def test_results_and_figures_are_written(done: tuple[Path, list[Model]], tmp_path: Path) -> None:
    results = gather(*done)
    drawn = {str(path.relative_to(tmp_path)) for path in write_results(results, tmp_path)}
    assert {"figures/cost.png", "figures/latency.png", "figures/16x16/trimap.png"} <= drawn
    assert all((tmp_path / name).stat().st_size > 1000 for name in drawn)
    record = json.loads((tmp_path / "results.json").read_text())
    assert [group["name"] for group in record["groups"]] == [
        "ours", "baseline", "baseline, equal cost",
    ]  # fmt: skip
    assert set(record["groups"][0]["seeds"]) == {"0", "1"} and len(record["ceilings"]) == 2


def test_means_leave_out_what_has_no_value() -> None:
    one = {"a": 1.0, "b": [None, 2.0], "name": "x", "n": 3, "c": None}
    two = {"a": 2.0, "b": [4.0, None], "name": "x", "n": 3, "c": None}
    assert mean_of([one, two]) == {"a": 1.5, "b": [4.0, 2.0], "name": "x", "n": 3, "c": None}


def test_markdown_is_aligned() -> None:
    lines = markdown_table(("", "long head"), [("a", "1"), ("bcd", "22")]).splitlines()
    assert lines[0] == "|     | long head |" and lines[3] == "| bcd | 22        |"
    assert len({len(line) for line in lines}) == 1
