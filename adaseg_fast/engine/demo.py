# SPDX-License-Identifier: Apache-2.0
"""The demo: the two models of the package on drawn scenes that were not used in training.

This module loads without torch.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.storage import prepare_folder, write_atomically, write_json

if TYPE_CHECKING:
    from adaseg_fast.engine.evaluation.evaluate import Evaluation
    from adaseg_fast.engine.evaluation.frame_pictures import LoadedModel

_SHOWN = 3


def load_demo_models() -> tuple[LoadedModel, LoadedModel]:
    """The models that come with the package.

    Returns:
        The uniform and the adaptive model, each with its settings.

    Example:
        >>> [config.label for _, config in load_demo_models()]
        ['uniform 64x64', 'adaptive 64x64']
    """
    from adaseg_fast.engine.models.files import load_segmenter

    models = []
    for name in ("demo_uniform", "demo_adaptive"):
        with as_file(files("adaseg_fast") / "weights" / f"{name}.safetensors") as path:
            models.append(load_segmenter(path))
    return models[0], models[1]


def demo(output: Path, *, scenes: int = 24, seed: int = 0, quiet: bool = False) -> list[Evaluation]:
    """Segment drawn scenes with both models, and write ``demo.png`` and ``demo.json``.

    Args:
        output: folder of the two files.
        scenes: number of scenes, at least 1; the picture shows the first three.
        seed: of the scenes.
        quiet: whether to leave out progress bars.

    Returns:
        What was found for the uniform and for the adaptive model.

    Raises:
        ValueError: ``scenes`` is below 1.
        StorageError: nothing can be written to ``output``.
    """
    from adaseg_fast.engine.environment import environment
    from adaseg_fast.engine.evaluation.evaluate import evaluate
    from adaseg_fast.engine.evaluation.frame_pictures import examples
    from adaseg_fast.engine.evaluation.options import MeasureOptions

    if scenes < 1:
        raise ValueError(f"scenes must be at least 1, got {scenes}")
    prepare_folder(output)
    frames = SyntheticScenes(scenes, seed=seed, split="demo")
    models = load_demo_models()
    options = MeasureOptions(quiet=quiet)
    results = [evaluate(*model, frames, options) for model in models]
    write_json(
        output / "demo.json",
        {"environment": environment(), "results": [result.record() for result in results]},
    )
    shown = range(min(_SHOWN, len(frames)))
    write_atomically(output / "demo.png", examples(frames, shown, *models, quiet=quiet))
    return results
