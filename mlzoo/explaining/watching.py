"""Maps during training, every few epochs: what the model looks at, and since when."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.drawing.canvas import label, new_figure, save
from mlzoo.drawing.pictures import as_picture
from mlzoo.explaining.pages.rendering import laid_over, scaled
from mlzoo.explaining.target_weights import of_classes
from mlzoo.introspection.probe import Probe

_ACROSS = 4


class MapsEvery(keras.callbacks.Callback):
    """Keras callback that writes maps of some images every k epochs.

    Args:
        folder: where `epoch-005.png` and the like go.
        images: (n, height, width, channels), as the model takes them.
        every: epochs from one picture to the next.
        method: an explainer that gives maps.
        names: of the classes.
        maximum: the largest value that an image can hold.
    """

    def __init__(
        self,
        folder: str | Path,
        images: np.ndarray,
        every: int = 5,
        method: str = "gradcam",
        names: tuple[str, ...] = (),
        maximum: float | None = None,
    ) -> None:
        super().__init__()
        registry.check_name("explainer", method)
        self.folder, self.images, self.every = Path(folder), np.asarray(images), every
        self.method, self.names, self.maximum = method, names, maximum

    def on_epoch_end(self, epoch: int, logs: Mapping[str, object] | None = None) -> None:
        """Write the picture of an epoch, which counts from 0, where its turn has come."""
        if (epoch + 1) % self.every == 0:
            self.write(epoch + 1, self.model)

    def write(self, epoch: int, model: keras.Model) -> Path:
        """Write the picture of a model after an epoch, which counts from 1."""
        probe = Probe(model, self.images)
        x = probe.inputs(self.images)
        y_pred = probe.outputs(x)
        two = y_pred.shape[-1] == 1
        classes = (y_pred[:, 0] > 0.5).astype(int) if two else y_pred.argmax(axis=-1)
        plugin = registry.load("explainer", self.method)
        target = of_classes(classes, probe.units)
        maps = plugin.explain(plugin.Config(), probe, x, target)
        texts = [self.names[k] if self.names else f"class {k}" for k in classes]
        path = self.folder / f"epoch-{epoch:03d}.png"
        return save(_figure(x, maps, texts, epoch, self.method, self.maximum), path)


def _figure(
    x: np.ndarray,
    maps: np.ndarray,
    texts: list[str],
    epoch: int,
    method: str,
    maximum: float | None,
) -> Any:
    across = min(_ACROSS, len(x))
    rows = math.ceil(len(x) / across)
    figure = new_figure(max(2.2 * across, 4), 2.4 * rows + 0.5)
    figure.suptitle(f"{method} after epoch {epoch}", fontsize=10)
    panels = np.ravel(figure.subplots(rows, across, squeeze=False))
    for axes in panels:
        axes.set_axis_off()
    for axes, image, values, text in zip(panels, x, maps, texts, strict=False):
        over = laid_over(as_picture(image, maximum), scaled(values))
        axes.imshow(np.clip(over, 0, 1), interpolation="nearest")
        axes.set_title(label(text, 24), fontsize=9)
    return figure


MOST = 8
"""Images of the validation split that a training's pictures show."""


class TrainingMaps:
    """Progress callback that writes maps of validation images every k epochs.

    Args:
        every: epochs from one picture to the next.
    """

    def __init__(self, every: int) -> None:
        self.every = every

    def trained(self, epoch: int, model: keras.Model, data: Any, folder: Path) -> str | None:
        """Write the picture of an epoch where its turn has come.

        Args:
            epoch: from 1.
            model: with the weights that it has now.
            data: the run's `Data`.
            folder: the run folder; pictures go into `explanations/training`.

        Returns:
            What to warn of; None where all is well.
        """
        if epoch % self.every:
            return None
        samples = data.samples
        if samples.kind != "image" or not samples.target.sample_class:
            return "--explain-every draws maps of classified images; there are none here"
        part = data.valid if len(data.valid) else data.train
        images = part.inputs(np.arange(min(MOST, len(part))))
        writer = MapsEvery(
            folder / "explanations" / "training",
            images,
            self.every,
            names=samples.class_names,
            maximum=samples.maximum,
        )
        writer.write(epoch, model)
        return None
