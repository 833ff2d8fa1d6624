# SPDX-License-Identifier: Apache-2.0
"""How the benchmarks on a GPU measure: device events, graphs, inputs that no cache holds.

Each side gets several sets of inputs, together larger than three times the L2 cache, and a CUDA
graph of one call a set; replaying them gives the time of the device alone. The same calls without
a graph give what a program sees that launches them one by one. What has to be moved at the least
is set against the copy bandwidth that is measured in the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from statistics import median
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

import adaseg_fast
from bench_helpers import OURS, record

HAS_DEVICE = torch.cuda.is_available() and bool(adaseg_fast.build_info()["cuda"])
on_device = pytest.mark.skipif(not HAS_DEVICE, reason="no CUDA device, or no CUDA kernels built")

Call = Callable[..., Tensor]
Inputs = tuple[Tensor, ...]


def sides(*rivals: str) -> pytest.MarkDecorator:
    """Ours and the rivals by name."""
    return pytest.mark.parametrize("side", [OURS, *rivals])


def seconds(run: Callable[[], Any], repeats: int) -> float:
    """Median time that the device takes for ``run``, by events, after two runs to warm up."""
    found = []
    for k in range(repeats + 2):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        end.synchronize()
        if k >= 2:
            found.append(begin.elapsed_time(end) / 1e3)
    return median(found)


@cache
def copy_bandwidth() -> float:
    """Bytes a second, read and written, of a large copy on the device."""
    source = torch.randint(0, 256, (2**30,), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.numel() / seconds(lambda: target.copy_(source), 20)


def _capture(call: Call, inputs: Inputs) -> tuple[torch.cuda.CUDAGraph, Tensor]:
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):  # compiles, allocates, makes factors
            call(*inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = call(*inputs)
    return graph, result


def _number_of_sets(inputs: Inputs, result: Tensor) -> int:
    cache_bytes = torch.cuda.get_device_properties(0).L2_cache_size
    moved = sum(x.numel() * x.element_size() for x in (*inputs, result))
    return int(min(max(3 * cache_bytes // moved + 1, 2), 64))


def contest_on_device(
    benchmark: BenchmarkFixture,
    group: str,
    side: str,
    calls: Mapping[str, Call],
    make: Callable[[int], Inputs],
    check: Callable[[Tensor, Tensor], None] | None = None,
    *,
    least_bytes: int,
    **info: Any,
) -> None:
    """Time one side of an operation on the GPU.

    Args:
        calls: what each side does with the inputs.
        make: from a number to a set of inputs on the device.
        check: compares the result of ours with the side's, outside of what is timed.
        least_bytes: what no implementation can avoid to read and write.
    """
    call = calls[side]
    first = make(0)
    if check is not None and side != OURS:
        check(calls[OURS](*first), call(*first))
    sets = [make(k) for k in range(_number_of_sets(first, call(*first)))]
    captured = [_capture(call, inputs) for inputs in sets]

    def replay() -> None:
        for graph, _ in captured:
            graph.replay()

    def launch() -> None:
        for inputs in sets:
            call(*inputs)

    expected = call(*sets[0])
    replay()
    assert (captured[0][1] != expected).float().mean() < 1e-3  # libraries may choose by the call
    one, eager = seconds(replay, 30) / len(sets), seconds(launch, 30) / len(sets)
    record(
        benchmark,
        f"{group}, GPU",
        side=side,
        device=torch.cuda.get_device_name(),
        microseconds=round(1e6 * one, 2),
        microseconds_without_graph=round(1e6 * eager, 2),
        share_of_copy_bandwidth=round(least_bytes / one / copy_bandwidth(), 4),
        copy_gigabytes_per_second=round(copy_bandwidth() / 1e9, 1),
        calls_a_round=len(sets),
        **info,
    )

    def timed() -> None:
        replay()
        torch.cuda.synchronize()

    benchmark.pedantic(timed, rounds=20, warmup_rounds=2)
