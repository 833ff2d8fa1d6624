# SPDX-License-Identifier: Apache-2.0
"""The examples in the docstrings of the package run, and print what they say."""

from __future__ import annotations

import ast
import doctest
import importlib
from pathlib import Path

import pytest

import adaseg_fast

PACKAGE = Path(adaseg_fast.__file__).parent
HOW = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def count_examples(text: str) -> int:
    """Examples in all docstrings of a Python file."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, DOCUMENTED)]
    docstrings = [ast.get_docstring(node) or "" for node in nodes]
    return sum(len(doctest.DocTestParser().get_examples(docstring)) for docstring in docstrings)


def modules_with_examples() -> dict[str, int]:
    """The number of examples by module, where there are any."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        if count := count_examples(path.read_text(encoding="utf-8")):
            found[name] = count
    return found


@pytest.mark.parametrize(("name", "count"), modules_with_examples().items())
def test_examples(name: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner, printed = doctest.DocTestRunner(verbose=False, optionflags=HOW), [""]
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name), name):
        runner.run(test, out=printed.append)
    assert runner.failures == 0, "".join(printed)
    assert runner.tries == count, "doctest does not find all examples of this module"


def test_examples_are_counted() -> None:
    text = 'def f():\n    """Add.\n\n    >>> 1 + 1\n    2\n    >>> 2\n    2\n    """\n'
    assert count_examples(text) == 2
    assert count_examples("x = '>>> 1'") == 0
