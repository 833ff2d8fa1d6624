# SPDX-License-Identifier: Apache-2.0
"""A uint8 image to its label map: adaptive inference against a stock uniform pipeline."""

from __future__ import annotations

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor
from torch.nn import functional as F

from adaseg_fast.engine.benchmark import comparisons, problems, rivals
from adaseg_fast.engine.benchmark.problems import Problem
from adaseg_fast.engine.models.inference import STAGES, predict_in_stages
from adaseg_fast.nn import prepare_for_inference
from adaseg_fast.normalization import IMAGE_MEAN, IMAGE_STD
from bench_helpers import FRAME, contest, every_problem, named, record, sides
from gpu import helpers as gpu_helpers


@every_problem
@sides("torch, uniform", numba=False)
def test_inference(benchmark: BenchmarkFixture, threads: int, problem: Problem, side: str) -> None:
    problem = problem._replace(grid=(128, 128))
    compare = {"torch, uniform": comparisons.inference}
    contest(
        benchmark, f"inference with the same U-Net, {named(problem.size)}", side, compare, problem
    )


@pytest.mark.parametrize("working_size", [32, 64, 128, 256])
def test_stages(benchmark: BenchmarkFixture, threads: int, working_size: int) -> None:
    """The whole call is timed; what each stage took in the last one is noted."""
    problem = FRAME._replace(grid=(working_size, working_size))
    image, _ = problems.scene(problem.size)
    model = prepare_for_inference(problems.adaptive_model(problem))
    record(benchmark, f"adaptive inference, {named(problem.size)}", **problem._asdict())
    result = benchmark(predict_in_stages, model, image[0])
    stages = zip(STAGES, result.seconds, strict=True)
    benchmark.extra_info["stages_ms"] = {name: 1e3 * seconds for name, seconds in stages}
    assert result.labels.shape == problem.size


# --- On a GPU -------------------------------------------------------------------------------------


@gpu_helpers.on_device
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["float32", "float16"])
@gpu_helpers.sides("torch, uniform")
def test_inference_gpu(benchmark: BenchmarkFixture, side: str, dtype: torch.dtype) -> None:
    """The whole path, image on the GPU to label map on the GPU, in one graph."""
    problem = FRAME
    image, _ = problems.scene(problem.size)
    model = problems.adaptive_model(problem).cuda()
    shift, scale = (
        torch.tensor(x, device="cuda").view(1, 3, 1, 1) for x in (IMAGE_MEAN, IMAGE_STD)
    )

    def adaptive(image: Tensor) -> Tensor:
        with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
            return model.predict(image)

    @torch.inference_mode()
    def uniform(image: Tensor) -> Tensor:
        with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
            normalised = (image.float() - shift) / scale
            small = F.interpolate(normalised, size=problem.grid, mode="bilinear")
            scores = model.segmenter(small)
            labels: Tensor = rivals.torch_interpolate(scores, problem.size).argmax(1)
            return labels

    gpu_helpers.contest_on_device(
        benchmark,
        f"inference, {named(problem.size)}, {str(dtype).removeprefix('torch.')}",
        side,
        {"adaseg_fast": adaptive, "torch, uniform": uniform},
        lambda number: (image.cuda(),),
        least_bytes=image.numel() + problem.size[0] * problem.size[1],
        **problem._asdict(),
    )
