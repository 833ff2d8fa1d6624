# SPDX-License-Identifier: Apache-2.0
"""Imports point one way: each room of the package imports only rooms below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import adaseg_fast

PACKAGE = Path(adaseg_fast.__file__).parent

# What each room may import beside itself, from the bottom to the top. A room is a module or folder
# of the package; a module belongs to the longest name that fits. "engine" itself is the files that
# its rooms share. The root is `adaseg_fast/__init__.py`: names of the public face, and the version.
_BELOW_ENGINE = "root storage normalization backends ops nn metrics plots data data.readers"
ROOMS = {
    "_native": "",  # the compiled module
    "storage": "",
    "normalization": "",
    "backends": "_native",
    "ops": "backends",
    "nn": "ops backends normalization",
    "metrics": "ops backends",
    "plots": "",
    "data.scenes": "",
    "data.readers": "data data.scenes storage",
    "data": "data.readers storage",
    "engine": _BELOW_ENGINE,
    "engine.models": f"engine {_BELOW_ENGINE}",
    "engine.training": f"engine engine.models {_BELOW_ENGINE}",
    "engine.evaluation": f"engine engine.models {_BELOW_ENGINE}",
    "engine.experiment": f"engine engine.models engine.training engine.evaluation {_BELOW_ENGINE}",
    "engine.benchmark": f"engine engine.models engine.evaluation {_BELOW_ENGINE}",
    "engine.demo": f"engine engine.models engine.evaluation {_BELOW_ENGINE}",
    "engine.predict": f"engine engine.models engine.evaluation {_BELOW_ENGINE}",
    "root": "backends engine.models nn",
    "cli": "engine engine.models engine.training engine.evaluation engine.experiment"
    f" engine.benchmark engine.demo engine.predict {_BELOW_ENGINE}",
    "__main__": "cli",
}


class Import(NamedTuple):
    """Module ``source`` imports module ``target``; both names are within the package."""

    source: str
    target: str
    at_module_level: bool


def modules() -> dict[str, Path]:
    """Files of the package by dotted name; the package itself is "root"."""
    found = {"_native": PACKAGE / "_native.pyi"}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts).removesuffix("__init__").removesuffix(".") or "root"] = path
    return found


def imports_of(source: str, text: str, known: set[str]) -> Iterator[Import]:
    """What a module imports of the package, inside functions too."""
    tree = ast.parse(text)
    at_module_level = set(tree.body)
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            if package == "adaseg_fast":
                yield Import(source, nearest(rest, known), node in at_module_level)


def nearest(name: str, known: set[str]) -> str:
    """The module that a dotted name within the package is, or is a part of."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or "root"


def room(module: str) -> str:
    found = nearest(module, set(ROOMS))
    assert found != "root" or module == "root", f"ROOMS has no room for {module}"
    return found


def against_the_rule(imports: list[Import]) -> list[str]:
    """The imports that ROOMS does not allow, as text."""
    return [
        f"{source} imports {target}"
        for source, target, _ in imports
        if room(source) != room(target) and room(target) not in ROOMS[room(source)].split()
    ]


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    files = modules()
    known = set(files)
    return [i for name, path in files.items() for i in imports_of(name, path.read_text(), known)]


def test_imports_point_one_way(imports: list[Import]) -> None:
    assert len(imports) > 100
    found = against_the_rule(imports)
    assert not found, "\n".join(found)


def test_every_room_is_there() -> None:
    assert set(ROOMS) <= set(modules())


def test_a_backward_import_is_found() -> None:
    known = set(modules())
    text = "import numpy\ndef f():\n    from adaseg_fast.engine.training import loop\n"
    for source, found in (
        ("data.readers.folder", ["data.readers.folder imports engine.training.loop"]),
        ("cli.train", []),
    ):
        assert against_the_rule(list(imports_of(source, text, known))) == found
    text = "from adaseg_fast import __version__, cli"
    found = against_the_rule(list(imports_of("engine.demo", text, known)))
    assert found == ["engine.demo imports cli"]


def test_no_module_imports_itself_through_others(imports: list[Import]) -> None:
    """Imports inside functions do not count: they run when all modules are there."""
    left: dict[str, set[str]] = {name: set() for name in modules()}
    for source, target, at_module_level in imports:
        if at_module_level:
            left[source].add(target)
    while ready := [name for name, wanted in left.items() if not wanted]:
        for name in ready:
            del left[name]
        for wanted in left.values():
            wanted.difference_update(ready)
    assert left == {}
