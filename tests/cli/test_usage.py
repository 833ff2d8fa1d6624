# SPDX-License-Identifier: Apache-2.0
"""What the command line says to wrong arguments, and its version."""

from __future__ import annotations

from pathlib import Path

import pytest

import adaseg_fast
from adaseg_fast.cli import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predict", "x.jpg", "--model", "gone.safetensors", "--output", "o"), "gone.safetensors"),
        (("evaluate", "--data", "synthetic:1x64", "--output", "o"), "nothing to evaluate"),
        (("evaluate", "--data", "camvid:gone", "--ceiling", "16", "--output", "o"), "gone"),
        (("evaluate", "--data", "synthetic:1x64", "--ceiling", "16", "--metrics", "dice",
          "--output", "o"), "no metric is called 'dice'"),
        (("evaluate", "--data", "camvid:x", "--data-seed", "1", "--ceiling", "16", "--output",
          "o"), "takes no seed"),
        (("figure", "lambda", "--data", "synthetic:1x64", "--frame", "1", "--output", "o.png"),
         "there is no frame 1"),
        (("plot", "gone.json", "--output", "o"), "gone.json: cannot be read"),
        (("experiment", "mars", "--output", "o"), "mars: cannot be read"),
        (("experiment", "cityscapes", "--output", "o"), "give --data NAME:PATH"),
        (("evaluate", "--data", "mars:x", "--ceiling", "16", "--output", "o"), "known are"),
        (("predict", "x.png", "--model", "gone", "--output", "o", "--device", "tpu"),
         "device must be cpu, cuda or cuda:N, got 'tpu'"),
        (("predict", "x.png", "--model", "gone", "--output", "o", "--device", "cuda:99"),
         "device 'cuda:99': torch finds"),
        (("demo", "--threads", "0"), "--threads must be at least 1"),
        (("demo", "--scenes", "0"), "scenes must be at least 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:2]),
)  # fmt: skip
def test_errors_are_one_line(
    arguments: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    printed = capsys.readouterr().err
    assert message in printed and printed.startswith("adaseg-fast: ")
    assert "Traceback" not in printed


@pytest.mark.parametrize("size", ["1", "4x", "4x4x4", "big", "-8", "1000000", "9" * 5000, "²"])
def test_sizes_that_are_none(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["evaluate", "--data", "synthetic", "--output", "o", f"--ceiling={size}"])
    assert exit_.value.code == 2
    assert "is no size" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.strip() == adaseg_fast.__version__
