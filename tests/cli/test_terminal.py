# SPDX-License-Identifier: Apache-2.0
"""What is printed may be lost (a closed pipe, a full disk, an odd character); results are not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adaseg_fast.data.cache import CachedFrames
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from support.engine_cases import Trained, run

FIGURES = {"evaluation.json", "evaluation.png"}


@pytest.fixture(scope="module")
def walkers(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """The drawn scenes, with a class whose name ASCII does not have."""
    folder = tmp_path_factory.mktemp("walkers")
    for kind in ("images", "labels"):
        (folder / kind).symlink_to(root / kind)
    table = json.loads((root / "classes.json").read_text())
    table["classes"][-1]["name"] = "Fu\u00dfg\u00e4nger"
    (folder / "classes.json").write_text(json.dumps(table))
    return folder


def shell(command: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``command``, in which $@ stands for the program with its arguments."""
    program = [sys.executable, "-m", "adaseg_fast", *map(str, arguments)]
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}", "-", *program],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "encoding", "status", "said"),
    [
        ('"$@" | head -c 1', "utf-8", 1, ""),
        ('"$@" 2>&1 | head -c 1', "utf-8", 1, ""),  # progress bars too
        ('"$@" > /dev/full', "utf-8", 1, "adaseg-fast: stdout failed (No space left on device)"),
        ('"$@" >&-', "utf-8", 0, ""),
        ('"$@" 2> /dev/full', "utf-8", 1, ""),
        ('"$@"', "ascii", 0, ""),
    ],
)
def test_what_is_printed_may_be_lost(
    walkers: Path, tmp_path: Path, command: str, encoding: str, status: int, said: str
) -> None:
    arguments = ("evaluate", "--data", f"folder:{walkers}", "--ceiling", 16, "--output", tmp_path)
    found = shell(command, *arguments, PYTHONIOENCODING=encoding)
    if "head" not in command:  # a quick program may have printed all before the pipe was closed
        assert found.returncode == status
    assert "Traceback" not in found.stderr and "Exception" not in found.stderr
    last = found.stderr.strip().splitlines()[-1:]
    assert last == [said] or not said
    assert {path.name for path in tmp_path.iterdir()} == FIGURES
    if encoding == "ascii":
        assert "Fu?g?nger" in found.stdout


@pytest.mark.parametrize("output", ["file", "file/below"])
def test_an_output_that_is_a_file_is_refused_before_the_work(
    data: tuple[str, ...],
    trained: Trained,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    output: str,
) -> None:
    (tmp_path / "file").write_text("kept")
    for frames in (CachedFrames, SyntheticScenes):
        monkeypatch.setattr(frames, "__getitem__", lambda *_: pytest.fail("a frame was read"))
    where = ("--quiet", "--output", tmp_path / output)
    for command in (
        ("demo", "--scenes", 1),
        ("benchmark",),
        ("evaluate", *data, "--model", trained.uniform),
        ("plot", "gone.json"),
        ("predict", tmp_path, "--model", trained.uniform),
    ):
        (tmp_path / "a.png").touch()
        how = where[1:] if command[0] == "plot" else where
        assert run(*command, *how) == 1
        assert f"{tmp_path / output}: cannot be made" in capsys.readouterr().err
    picture = ("--output", tmp_path / "file" / "a.png")
    models = ("--uniform", trained.uniform, "--adaptive", trained.adaptive)
    for figure in (("lambda",), ("tensor",), ("examples", *models)):
        assert run("figure", *figure, *data, *picture) == 1
        assert "cannot be made" in capsys.readouterr().err
    assert run("shrink", trained.uniform, "--output", tmp_path / "file" / "x.safetensors") == 1
    assert run("figure", "lambda", *data, "--output", tmp_path / "a.jpg") == 1
    assert "must be a file called NAME.png" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "kept"
