# SPDX-License-Identifier: Apache-2.0
"""The table that ``benchmark`` prints, and its plain values.

A ratio is the rival's time divided by ours: above 1 ours is faster.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from adaseg_fast.engine.environment import Environment
from adaseg_fast.engine.tables import text_table


@dataclass(frozen=True)
class Timing:
    """A line of the table.

    Attributes:
        name: of our operation.
        rival: the name of what it is compared with.
        shape: the sizes, in words.
        ours_ms: our median time in milliseconds; None if nothing was measured.
        rival_ms: the rival's, likewise.
        target: the ratio to reach; None if it is meant for other sizes.
        note: why nothing was measured; empty otherwise.
        disagreement: whether nothing was measured because the results differ.
    """

    name: str
    rival: str
    shape: str
    ours_ms: float | None = None
    rival_ms: float | None = None
    target: float | None = None
    note: str = ""
    disagreement: bool = False

    @property
    def ratio(self) -> float | None:
        """The rival's time divided by ours; None if nothing was measured."""
        if self.ours_ms is None or self.rival_ms is None:
            return None
        return self.rival_ms / self.ours_ms

    @property
    def reached(self) -> bool | None:
        """Whether the ratio meets the target; None if either is missing."""
        if self.ratio is None or self.target is None:
            return None
        return self.ratio >= self.target


@dataclass(frozen=True)
class Benchmark:
    """Everything measured: the lines, milliseconds of each stage, and the versions behind them."""

    timings: tuple[Timing, ...]
    stages_ms: dict[str, float]
    environment: Environment

    @property
    def disagreements(self) -> int:
        """Lines on which the two sides gave different results."""
        return sum(timing.disagreement for timing in self.timings)

    def record(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "environment": self.environment,
            "timings": [asdict(t) | {"ratio": t.ratio, "reached": t.reached} for t in self.timings],
            "stages_ms": self.stages_ms,
        }


def benchmark_table(result: Benchmark) -> str:
    """The table, the time of each stage of adaptive inference, and the versions, as text."""
    rows = [("", "sizes", "ours, ms", "rival", "rival, ms", "ratio", "target", "reached", "")]
    for t in result.timings:
        reached = {None: "-", True: "yes", False: "NO"}[t.reached]
        times = (_number(t.ours_ms), t.rival, _number(t.rival_ms))
        rows.append((t.name, t.shape, *times, _number(t.ratio), _number(t.target), reached, t.note))
    total = sum(result.stages_ms.values())
    stages = ", ".join(f"{name} {_number(ms)}" for name, ms in result.stages_ms.items())
    versions = ", ".join(f"{name} {value}" for name, value in result.environment.items())
    inference = f"adaptive inference, {_number(total)} ms: {stages}"
    return f"{text_table(rows, left=(0, 1, 3, 8))}\n\n{inference}\n{versions}"


def _number(number: float | None) -> str:
    """About three digits, "-" for None."""
    if number is None:
        return "-"
    decimals = 0 if number >= 100 else 1 if number >= 10 else 2 if number >= 1 else 3
    return f"{number:.{decimals}f}"
