# SPDX-License-Identifier: Apache-2.0
"""What a benchmark found, as a table and as plain values.

A ratio is the rival's time over ours: above 1 ours is the faster.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Timing:
    """A line of the table.

    Attributes:
        name, rival: of the two sides.
        shape: the sizes, in words.
        ours_ms, rival_ms: medians; None where nothing was measured.
        target: the ratio to reach; None where it is meant for other sizes.
        note: why nothing was measured.
        disagreement: whether that is because the results differ.
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
        """The rival's time over ours."""
        if self.ours_ms is None or self.rival_ms is None:
            return None
        return self.rival_ms / self.ours_ms

    @property
    def reached(self) -> bool | None:
        """Whether the ratio meets the target; None without either."""
        if self.ratio is None or self.target is None:
            return None
        return self.ratio >= self.target


@dataclass(frozen=True)
class Benchmark:
    """Everything measured: the lines, milliseconds of each stage, and the versions behind them."""

    timings: tuple[Timing, ...]
    stages_ms: dict[str, float]
    environment: dict[str, Any]

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


def table(result: Benchmark) -> str:
    """The benchmark as text."""
    head = ("", "sizes", "ours, ms", "rival", "rival, ms", "ratio", "target", "reached")
    rows = [head]
    for t in result.timings:
        reached = {None: "-", True: "yes", False: "NO"}[t.reached]
        figures = (_figure(t.rival_ms), _figure(t.ratio), _figure(t.target), reached)
        rows.append((t.name, t.shape, _figure(t.ours_ms), t.rival, *figures))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = {0, 1, 3}
    lines = []
    for row, note in zip(rows, ["", *(t.note for t in result.timings)], strict=True):
        cells = zip(row, widths, strict=True)
        padded = [x.ljust(n) if k in left else x.rjust(n) for k, (x, n) in enumerate(cells)]
        lines.append("  ".join([*padded, note]).rstrip())
    total = sum(result.stages_ms.values())
    stages = ", ".join(f"{name} {_figure(ms)}" for name, ms in result.stages_ms.items())
    versions = ", ".join(f"{name} {value}" for name, value in result.environment.items())
    return "\n".join([*lines, "", f"adaptive inference, {_figure(total)} ms: {stages}", versions])


def _figure(number: float | None) -> str:
    if number is None:
        return "-"
    decimals = 0 if number >= 100 else 1 if number >= 10 else 2 if number >= 1 else 3
    return f"{number:.{decimals}f}"
