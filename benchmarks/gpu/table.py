# SPDX-License-Identifier: Apache-2.0
"""Print the short table of a benchmark run on a GPU: python benchmarks/gpu/table.py RESULTS.json"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

OURS = "adaseg_fast"


def lines(results: dict[str, Any]) -> list[str]:
    """A line a side: microseconds in a graph and without, times ours, share of copy bandwidth."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for benchmark in results["benchmarks"]:
        if "microseconds" in benchmark["extra_info"]:
            groups[benchmark["group"].split(", GPU")[0]].append(benchmark["extra_info"])
    found = [
        f"{'operation':44} {'side':14} {'graph us':>9} {'plain us':>9} {'x ours':>7} {'copy':>6}"
    ]
    for group, sides in groups.items():
        ours = next((s["microseconds"] for s in sides if s["side"] == OURS), float("nan"))
        for side in sides:
            found.append(
                f"{group[:44]:44} {side['side']:14} {side['microseconds']:9.2f} "
                f"{side['microseconds_without_graph']:9.2f} {side['microseconds'] / ours:7.2f} "
                f"{100 * side['share_of_copy_bandwidth']:5.1f}%"
            )
    for side in (side for sides in list(groups.values())[:1] for side in sides[:1]):
        found.append(f"{side['device']}, copy {side['copy_gigabytes_per_second']:.0f} GB/s")
    return found


if __name__ == "__main__":
    print("\n".join(lines(json.loads(Path(sys.argv[1]).read_text()))))
