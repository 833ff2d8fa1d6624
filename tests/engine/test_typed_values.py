# SPDX-License-Identifier: Apache-2.0
"""Untyped values become typed ones, or an error names the key and what it must be."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

import pytest
from msgspec import Struct

from adaseg_fast.engine.typed_values import typed


class Inner(TypedDict):
    sides: tuple[int, int]
    share: float | None


class Outer(Inner, total=False):
    names: list[str]


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    kinds: tuple[Literal["a", "b"], ...] = ("a",)
    by_size: dict[int, int] | int = 3
    outer: Outer | None = None


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    section: Section


def test_types_that_json_and_toml_lack() -> None:
    outer = {"sides": [1, 2], "share": 1}
    found = typed({"section": {"kinds": ["b"], "by_size": {"8": 2}, "outer": outer}}, Settings)
    assert found == Settings(Section(("b",), {8: 2}, {"sides": (1, 2), "share": 1.0}))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (3, "all of it must be a table, got an integer"),
        ({}, "'section' is missing"),
        ({"section": {}, "more": 1}, "'more' is none of section"),
        ({"section": {"kind": []}}, "section: 'kind' is none of kinds, by_size, outer"),
        ({"section": {"kinds": ["a", "z"]}}, "section.kinds[1] must be a or b, got 'z'"),
        (
            {"section": {"by_size": "x"}},
            "section.by_size must be an integer or a table, got a text",
        ),
        ({"section": {"by_size": {"x": 1}}}, "a key of section.by_size must be an integer, got a"),
        ({"section": {"by_size": {"1": None}}}, "section.by_size[...] must be an integer, got nul"),
        ({"section": {"outer": {"share": 1.0}}}, "section.outer: 'sides' is missing"),
        (
            {"section": {"outer": {"sides": [1], "share": 1.0}}},
            "section.outer.sides must be a list of length 2, got 1",
        ),
        (
            {"section": {"outer": {"sides": [1, 2], "share": True}}},
            "section.outer.share must be a number or null, got true or false",
        ),
    ],
)
def test_errors_name_the_key(values: Any, message: str) -> None:
    with pytest.raises(ValueError) as error:
        typed(values, Settings)
    assert str(error.value).startswith(message)
