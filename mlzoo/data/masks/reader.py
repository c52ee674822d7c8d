"""Reader of images with a target at every pixel: masks of classes, or fields of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from mlzoo.core.validation.values import degradation
from mlzoo.data.images.reader import PixelReader

GRAY = 0x010101
"""Factor from a gray level to the number that is kept for its color."""


@dataclass(frozen=True)
class ClassMap:
    """Assignment of the values of masks to classes.

    Attributes:
        classes: for each class the values that stand for it.
        ignored: values that stand for pixels that don't count.
        names: of the classes.
        colours: of the classes, as the masks have them; empty where they have none.
        threshold: gray levels from this on are the second class, all others the first.
    """

    classes: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    ignored: tuple[int, ...] = ()
    colours: tuple[tuple[int, int, int], ...] = ()
    threshold: int | None = None

    def counts(self, values: Mapping[int, int]) -> list[int]:
        """Return the pixels of each class, from pixels of each value."""
        if self.threshold is None:
            return [
                sum(values.get(value, 0) for value in class_values) for class_values in self.classes
            ]
        above = sum(n for value, n in values.items() if value >= self.threshold * GRAY)
        return [sum(values.values()) - above, above]


class Degradation(BaseModel):
    """Degradation of clean images, which a model learns to undo."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["noise", "scale", "mask"]
    """Gaussian noise, enlargement from fewer pixels, or black squares."""
    amount: float
    """Standard deviation of pixels from 0 to 1, factor a side, or share of squares."""
    seed: int = 0
    """Seed of what is drawn for the validation and test splits."""

    @classmethod
    def parse(cls, text: str, seed: int) -> Degradation:
        """Return the degradation that a text such as `noise=.35` names."""
        kind, amount = degradation(text)
        return cls.model_validate({"kind": kind, "amount": amount, "seed": seed})

    def __str__(self) -> str:
        return f"{self.kind}={self.amount:g}"

    @property
    def factor(self) -> int:
        """Return by how much new images are enlarged on each side before they are restored."""
        return int(self.amount) if self.kind == "scale" else 1


class DenseReader(PixelReader):
    """Reader of images with masks or fields, or of degraded images."""

    kind: Literal["image", "array"] = "image"
    """`array` where pixels are numbers without a largest value."""
    masks: ClassMap | None = None
    """Values of the training masks by class; None: numbers are predicted."""
    degradation: Degradation | None = None
    """Degradation of the training images; None: there was none, or pairs were given."""

    @model_validator(mode="after")
    def _complete(self) -> DenseReader:
        if self.task and self.target_kind.pixel_class and self.masks is None:
            raise ValueError("masks are missing, without which no value stands for a class")
        return self

    @property
    def class_colors(self) -> tuple[tuple[int, int, int], ...]:
        """Return the colors that masks give the classes; none where they have none."""
        return () if self.masks is None else self.masks.colours
