"""The package tf-keras-vis as a second engine, with its own defaults, for comparison.

It is there to check maps against an independent implementation, and to repeat maps that were
published with it. Kubota and contributors, https://github.com/keisen/tf-keras-vis. What it gives is
left as it is: its layer, its corner-aligned enlarging, its softmax over ScoreCAM's scores.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from mlzoo.core.errors import UsageError
from mlzoo.introspection.probe import Probe

METHODS = ("saliency", "smoothgrad", "gradcam", "gradcam_plus_plus", "layercam", "scorecam")
"""Methods that the package has."""
NOISY_COPIES = 20


def package_maps(
    method: str, probe: Probe, x: np.ndarray, target: np.ndarray, layer: str | None = None
) -> np.ndarray:
    """Return the package's maps (n, height, width) from 0 to 1; all 0 if it found nothing.

    Args:
        method: one of `METHODS`.
        probe: the model, opened.
        x: (n, height, width, channels), raw.
        target: (n, units).
        layer: the layer to look at; by default the package's choice, the last convolution.

    Raises:
        UsageError: the package has no such method, or does not take such a model.
    """
    if method not in METHODS:
        raise UsageError(f"--engine tf-keras-vis has no {method}; it has {', '.join(METHODS)}")
    if x.ndim != 4 or target.ndim != 2:
        raise UsageError("--engine tf-keras-vis takes images and one class a sample")
    model, z = functional(probe), probe.enter(x)
    maps = np.array(run_package(method, model, z, target, layer))
    # Maps run from 0 to 1. What the package could not bring there is the rounding of an empty map.
    maps[maps.max(axis=(1, 2)) < 0.5] = 0
    return maps


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the package's progress bars and its warnings from the user, who can't act on them."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def functional(probe: Probe) -> keras.Model:
    """Return the model from its entry on as a Functional model, which the package needs.

    Raises:
        UsageError: the model is not Functional.
    """
    model = probe.model
    try:
        if probe.entry_name == "input":
            return keras.Model(model.inputs, model.outputs)
        return keras.Model(model.get_layer(probe.entry_name).output, model.outputs)
    except (AttributeError, ValueError, TypeError) as error:
        raise UsageError(f"--engine tf-keras-vis takes Functional models only ({error})") from error


def run_package(
    method: str, model: keras.Model, z: np.ndarray, target: np.ndarray, layer: str | None = None
) -> np.ndarray:
    """Return the package's maps (n, height, width) of a Functional model and its inputs.

    Args:
        method: one of `METHODS`.
        model: from the entry on.
        z: inputs at the entry.
        target: (n, units).
        layer: by default the last convolution.
    """
    with quiet():
        return package_method(method, model)(z, target, layer)


def package_method(method: str, model: keras.Model) -> Callable[..., np.ndarray]:
    """Return the package's method as a function of inputs and targets."""
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.layercam import Layercam
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear

    maker: Any = {
        "saliency": Saliency,
        "smoothgrad": Saliency,
        "gradcam": Gradcam,
        "gradcam_plus_plus": GradcamPlusPlus,
        "layercam": Layercam,
        "scorecam": Scorecam,
    }[method]
    visualizer = maker(model, model_modifier=ReplaceToLinear(), clone=True)

    def call(
        z: np.ndarray, target: np.ndarray, layer: str | None = None, max_n: int | None = None
    ) -> np.ndarray:
        def score(outputs: Any) -> Any:
            tiled = np.resize(target, outputs.shape)  # ScoreCAM asks for many times as many
            return [keras.ops.sum(row * one) for row, one in zip(outputs, tiled, strict=True)]

        settings: dict[str, object] = {}
        if method in ("saliency", "smoothgrad"):
            settings["smooth_samples"] = NOISY_COPIES if method == "smoothgrad" else 0
            settings["smooth_noise"] = 0.15
        elif layer is not None:
            settings["penultimate_layer"] = layer
        if max_n is not None:
            settings["max_N"] = max_n
        with quiet():
            return np.asarray(visualizer(score, z, **settings))

    return call
