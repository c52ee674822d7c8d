"""Samples that a generative model draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.runs.models import draw_samples
from mlzoo.runs.results import Generated

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.runs.loaded import LoadedRun


def draw(run: LoadedRun, count: int, seed: int, class_name: str | None) -> Generated:
    """Draw new samples from a generative model.

    Args:
        run: of the model.
        count: how many.
        seed: decides what is drawn.
        class_name: class of all samples, of a conditional model; None: each in turn.

    Raises:
        UsageError: the run's model draws no samples, or none of a class that is chosen.
    """
    import numpy as np

    from mlzoo.layers.input_scaling import unscaled

    if not run.target.drawn:
        raise UsageError(
            f"{run.path} is a run of {run.record['task']}, whose model draws no samples; "
            "train one that does, such as vae"
        )
    networks = run.networks
    plugin = registry.load("model", run.config.model)
    classes = _classes(run, count, class_name)
    scaled = draw_samples(plugin, run.config.set, networks, count, seed, classes)
    raw = unscaled(run.scaling, scaled)
    if run.reader.maximum:
        raw = np.clip(raw, 0, run.reader.maximum)
    return Generated(raw, scaled)


def _classes(run: LoadedRun, count: int, name: str | None) -> np.ndarray | None:
    """Return the position (count,) of the class of each sample of a conditional model.

    Raises:
        UsageError: there is no such class, or the model is not conditional.
    """
    import numpy as np

    known = run.record["class_names"]
    if not run.config.set.get("conditional"):
        if name is not None:
            raise UsageError(
                f"--class {name}: {run.path} draws samples of any class; train it with "
                "--set conditional=true"
            )
        return None
    if name is None:
        return np.arange(count) % len(known)
    if name not in known:
        listed = ", ".join(known)
        raise UsageError(f"--class: {registry.unknown('class', name, known)}; there are {listed}")
    return np.full(count, known.index(name))
