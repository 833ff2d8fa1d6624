# SPDX-License-Identifier: Apache-2.0
"""What ``_native.pyi`` says, and what a compiled module has."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import adaseg_fast

STUB = ast.parse((Path(adaseg_fast.__file__).parent / "_native.pyi").read_text())
(CUDA_STUB,) = (node for node in STUB.body if isinstance(node, ast.ClassDef))


def functions(nodes: Iterable[ast.stmt]) -> dict[str, list[str]]:
    """Names of the functions and of their arguments, without ``self``."""
    return {
        node.name: [argument.arg for argument in node.args.args if argument.arg != "self"]
        for node in nodes
        if isinstance(node, ast.FunctionDef)
    }


def attributes(nodes: Iterable[ast.stmt]) -> set[str]:
    return {
        node.target.id
        for node in nodes
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and not (isinstance(node.annotation, ast.Name) and node.annotation.id == "TypeAlias")
    }


def signature(function: Any) -> list[str]:
    """Names of the arguments of a compiled function: pybind11 writes its signature first."""
    line = function.__doc__.split("\n", 1)[0]
    (definition,) = ast.parse(f"def {line}: ...").body
    assert isinstance(definition, ast.FunctionDef)
    return [argument.arg for argument in definition.args.args]


def compiled_functions(module: ModuleType) -> dict[str, list[str]]:
    return {
        name: signature(value)
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("__")
    }
