# SPDX-License-Identifier: Apache-2.0
"""Tables are aligned, and values that do not exist are shown as such."""

from __future__ import annotations

import math

import pytest

from adaseg_fast.engine.tables import markdown_table, millions, percent, size_text, text_table


def test_text_is_aligned() -> None:
    rows = [("", "sizes", "ms"), ("sample", "8x8", "12.50"), ("all", "16x16", "8.1")]
    assert text_table(rows, left=(0, 1)).splitlines() == [
        "        sizes     ms",
        "sample  8x8    12.50",
        "all     16x16    8.1",
    ]


def test_no_space_is_left_at_the_end() -> None:
    assert text_table([("a", "note"), ("b", "")], left=(0, 1)).splitlines() == ["a  note", "b"]


def test_markdown_is_aligned() -> None:
    lines = markdown_table(("", "long head"), [("a", "1"), ("bcd", "22")]).splitlines()
    assert lines[0] == "|     | long head |" and lines[3] == "| bcd | 22        |"
    assert len({len(line) for line in lines}) == 1


def test_rows_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        text_table([("a", "b"), ("c",)])


def test_cells() -> None:
    assert [percent(share) for share in (0.12345, 1, 0, None, math.nan)] == [
        "12.3", "100.0", "0.0", "-", "-",
    ]  # fmt: skip
    assert [millions(count) for count in (1, 2_550_000, 0)] == ["0.0", "2.5", "-"]
    assert size_text((3, 40)) == "3x40"
