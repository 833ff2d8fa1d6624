# SPDX-License-Identifier: Apache-2.0
"""What `pip install` gives a user: versions, files, pins, programs, and kernels without torch."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import sysconfig
from importlib import import_module, metadata
from importlib.machinery import PathFinder
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import adaseg_fast
from support.repository import ROOT, checked_out, run_program

PACKAGE = Path(adaseg_fast.__file__).parent
LARGEST_FILE = 2 * 1024**2  # bytes

# These need torch only once they open a model that was trained with it.
WITHOUT_TORCH = ("adaseg_fast.data.images", "adaseg_fast.engine.demo", "adaseg_fast.engine.predict")


def pins() -> dict[str, Requirement]:
    """The lines of constraints.txt by canonical name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    by_name = {canonicalize_name(requirement.name): requirement for requirement in requirements}
    assert len(by_name) == len(requirements), "constraints.txt names a package twice"
    return by_name


def test_the_installed_package_is_not_shadowed_by_the_source_tree() -> None:
    installed = PathFinder.find_spec("adaseg_fast", [sysconfig.get_path("platlib")])
    if installed is not None:  # None: an editable install, whose source tree is the right one
        assert installed.origin == adaseg_fast.__file__, (
            "run `pytest`, not `python -m pytest`, which puts the current folder first"
        )


def test_versions_agree() -> None:
    assert metadata.version("adaseg-fast") == adaseg_fast.__version__
    cited = (ROOT / "CITATION.cff").read_text().splitlines()
    assert f"version: {adaseg_fast.__version__}" in cited
    if importlib.util.find_spec("adaseg_fast._native") is not None:
        native = import_module("adaseg_fast._native")
        assert native.__version__ == adaseg_fast.__version__


@pytest.mark.parametrize("module", ["adaseg_fast.backends", *WITHOUT_TORCH])
def test_kernels_run_without_torch(module: str, tmp_path: Path) -> None:
    assert run_program("without_torch", module, folder=tmp_path) == "[[[[0, 2], [6, 8]]]]"


@pytest.mark.parametrize("module", ["adaseg_fast", "adaseg_fast.cli"])
def test_the_package_runs_as_a_program(module: str, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", module, "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == adaseg_fast.__version__
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "numpy" in imported
    assert "torch" not in imported


def test_every_file_of_the_package_is_installed() -> None:
    wanted = {Path(name).relative_to("adaseg_fast") for name in checked_out("adaseg_fast")}
    assert Path("py.typed") in wanted
    missing = [str(name) for name in sorted(wanted) if not (PACKAGE / name).is_file()]
    assert not missing, "the installed package lacks these; install it again, or see pyproject.toml"


def test_no_large_files() -> None:
    large = [name for name in checked_out() if (ROOT / name).stat().st_size > LARGEST_FILE]
    assert not large


def test_console_script() -> None:
    (script,) = metadata.entry_points(group="console_scripts", name="adaseg-fast")
    assert script.value == "adaseg_fast.cli:main"
    assert callable(script.load())


@pytest.mark.parametrize(
    "requirement", metadata.requires("adaseg-fast") or (), ids=lambda text: text.partition(";")[0]
)
def test_requirements_are_lower_bounds_that_constraints_pin(requirement: str) -> None:
    wanted = Requirement(requirement)
    assert {bound.operator for bound in wanted.specifier} <= {">="}
    pin = pins().get(canonicalize_name(wanted.name))
    assert pin is not None, f"constraints.txt lacks {wanted.name}"
    (exactly,) = pin.specifier
    assert exactly.operator == "=="
    assert Version(exactly.version).local is None
    assert wanted.specifier.contains(exactly.version)


def test_pre_commit_runs_the_pinned_tools() -> None:
    lines = (ROOT / ".pre-commit-config.yaml").read_text().splitlines()
    tools = [Requirement(line.strip(" -")) for line in lines if "==" in line]
    assert {tool.name for tool in tools} >= {"clang-format", "codespell", "ruff"}
    pinned = pins()
    for tool in tools:
        if tool.name in pinned:  # pre-commit-hooks stands in no extra
            assert tool.specifier == pinned[tool.name].specifier
