# SPDX-License-Identifier: Apache-2.0
"""A short run of ``check_argmax``, and that it finds wrong labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adaseg_fast import backends
from audits import check_argmax
from support.arrays import FAST_BACKENDS, Array
from support.grids import GRID_KINDS


@pytest.mark.parametrize("backend", FAST_BACKENDS)
def test_two_hundred_cases(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_argmax.main(["--cases", "200", "--backend", backend, "--quiet"]) == 0
    printed = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert (printed["cases"], printed["failures"]) == ("200", "0")
    pixels, differing = (int(printed[name].replace(",", "")) for name in ("pixels", "differing"))
    assert pixels > 1e6
    assert differing < 1e-3 * pixels


def test_cases_are_of_every_kind() -> None:
    found = [check_argmax.random_case(seed) for seed in range(200)]
    assert {case.kind for case in found} == set(GRID_KINDS)
    assert {case.diagonal for case in found} == {"delaunay", "main", "anti"}
    assert len({(case.phi.dtype, case.scores.dtype) for case in found}) == 9
    classes = [case.scores.shape[1] for case in found]
    assert (min(classes), max(classes)) == (2, 40)


def test_a_wrong_label_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = backends.interpolate_argmax

    def wrong(scores: Array, *arguments: Any, **options: Any) -> Array:
        labels = honest(scores, *arguments, **options)
        labels[0, -1, -1] = np.argmin(scores[0, :, -1, -1])
        return labels

    monkeypatch.setattr(backends, "interpolate_argmax", wrong)
    arguments = ["--cases", "3", "--backend", FAST_BACKENDS[0], "--quiet"]
    assert check_argmax.main(arguments) == 1
    printed = capsys.readouterr().out
    assert "seed 0, 1 pixels: " in printed
    assert "failures              3" in printed


def test_help_and_a_wrong_backend(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, status in ((["--help"], 0), (["--backend", "abacus"], 2)):
        with pytest.raises(SystemExit) as stop:
            check_argmax.main(arguments)
        assert stop.value.code == status
    assert "--cases" in capsys.readouterr().out
