# SPDX-License-Identifier: Apache-2.0
"""Includes in csrc point one way: bindings -> cpu, cuda -> array -> core."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSRC = Path(__file__).resolve().parents[2] / "csrc"
# Folder: the folders that its files may include. What lies in a folder below the kernels does not
# include the kernels.
ALLOWED = {
    "core": {"core"},
    "array": {"array", "core"},
    "cpu/simd": {"cpu/simd", "core"},
    "cpu/common": {"cpu/common", "cpu/simd", "array", "core"},
    "cpu/argmax": {"cpu/argmax", "cpu/common", "cpu/simd", "array", "core"},
    "cpu": {"cpu", "cpu/argmax", "cpu/common", "cpu/simd", "array", "core"},
    "cuda/device": {"cuda/device", "array", "core"},
    "cuda": {"cuda", "cuda/device", "array", "core"},
    "bindings": {"bindings", "cpu", "cpu/common", "cuda", "cuda/device", "array", "core"},
}


def included(source: Path) -> set[str]:
    """Folders of the files of csrc that a file includes."""
    names = re.findall(r'^#include "([^"]+)"', source.read_text(), re.MULTILINE)
    return {str(Path(name).parent) for name in names}


def test_every_folder_has_its_rule() -> None:
    folders = {str(path.parent.relative_to(CSRC)) for path in CSRC.rglob("*.*")}
    assert folders == set(ALLOWED)


@pytest.mark.parametrize("folder", ALLOWED)
def test_includes_point_one_way(folder: str) -> None:
    sources = [path for path in (CSRC / folder).iterdir() if path.is_file()]
    assert sources
    for source in sources:
        assert included(source) <= ALLOWED[folder], source
