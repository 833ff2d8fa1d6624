# SPDX-License-Identifier: Apache-2.0
"""Limits of the house: small folders, small files, small functions."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

from support.repository import ROOT, checked_out

MOST_FILES = 12  # source files in a folder
MOST_LINES = 400  # of a file
MOST_FUNCTION_LINES = 60  # of a function, without its docstring
MOST_PARAMETERS = 8  # of a function, without self and cls

SUFFIXES = {".py", ".pyi", ".h", ".cpp", ".cu", ".cmake", ".sh"}

# What may exceed a limit, and why. An entry that is no longer needed fails the test.
FOLDERS: dict[str, str] = {}
FILES: dict[str, str] = {}
FUNCTIONS: dict[str, str] = {}


class Function(NamedTuple):
    """A function of the package: where it is, and how large."""

    name: str
    lines: int
    parameters: int


@pytest.fixture(scope="module")
def sources() -> list[str]:
    return [name for name in checked_out() if PurePosixPath(name).suffix in SUFFIXES]


def functions(name: str, text: str) -> Iterator[Function]:
    """All functions of a Python file, methods and inner ones too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            has_docstring = ast.get_docstring(node, clean=False) is not None
            docstring = lines_of(node.body[0]) if has_docstring else 0
            arguments = node.args
            named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            named += [rest for rest in (arguments.vararg, arguments.kwarg) if rest is not None]
            parameters = sum(argument.arg not in ("self", "cls") for argument in named)
            yield Function(f"{name}: {node.name}", lines_of(node) - docstring, parameters)


def lines_of(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def compare(found: dict[str, str], excepted: dict[str, str]) -> None:
    """What exceeds a limit, with how much, must be what the table excepts."""
    new = [f"{name}: {much}" for name, much in found.items() if name not in excepted]
    assert not new, "\n".join(new)
    assert not (excepted.keys() - found.keys()), "these keep the limit: take them off the table"


def test_folders_are_small(sources: list[str]) -> None:
    counts = Counter(str(PurePosixPath(name).parent) for name in sources)
    large = {name: f"{count} files" for name, count in counts.items() if count > MOST_FILES}
    compare(large, FOLDERS)


def test_files_are_small(sources: list[str]) -> None:
    counts = {name: len((ROOT / name).read_text().splitlines()) for name in sources}
    large = {name: f"{count} lines" for name, count in counts.items() if count > MOST_LINES}
    compare(large, FILES)


def test_functions_are_small(sources: list[str]) -> None:
    large = {}
    for file in sources:
        if Path(file).suffix == ".py":
            for name, lines, parameters in functions(file, (ROOT / file).read_text()):
                if lines > MOST_FUNCTION_LINES or parameters > MOST_PARAMETERS:
                    large[name] = f"{lines} lines, {parameters} parameters"
    compare(large, FUNCTIONS)


def test_how_functions_are_counted() -> None:
    text = (
        "class A:\n"
        "    def f(self, a, /, b, *rest, c=1, **how):\n"
        "        '''Two\n"
        "        lines.'''\n"
        "        return a\n"
    )
    assert list(functions("x.py", text)) == [Function("x.py: f", 2, 5)]
