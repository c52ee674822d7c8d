"""Predictions for new samples, images and series."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class Predictions:
    """Predictions for new samples.

    Attributes:
        names: what each of the n samples is called.
        labels: the class of each, a list of its labels, or the predicted number (n,) or (n,
            targets); for segmentation the mask of each, (height, width) uint8 class positions; for
            instances their numbers (height, width) int32, from 1; for fields (height, width, k);
            for labeling the class names of each sequence's steps; for forecasting the values that
            follow, (horizon, targets); for translation the text; for reconstruction the numbers
            `score`, the mean squared error, and `p_value`.
        probabilities: (n, classes), or for labeling (steps, classes) of each; None for others.
        warnings: what was odd about the samples.
        low: (n, targets) lower ends of intervals, where a coverage was asked for; of forecasts
            (n, horizon, targets), of fields (height, width, k) of each image.
        high: (n, targets) their upper ends.
        sets: of each sample the names of the classes that may be its own, where a coverage was
            asked for.
        std: (n, targets) standard deviations, noise included, where the model predicts them.
        quantiles: columns (n, targets) by level, `q0.05` first, where the model predicts quantiles.
        spread: columns (n, targets), of classes (n, 1), that say how far the members of an ensemble
            differ, and how much is of the data (`statistics/predictive/disagreement.py`).
        unlike: (n,) whether a sample is unlike the training data; None where the run kept nothing
            to tell by.
        unlike_p: (n,) share of held-out samples at least as far from the training data, itself
            counted (a conformal p-value); None as above.
        out_of_range: of each row of a table the columns with a value beyond those of the training
            split; None for others.
    """

    names: list[str]
    labels: list[Any]
    probabilities: Any
    warnings: tuple[str, ...] = ()
    low: Any = None
    high: Any = None
    sets: list[list[str]] | None = None
    std: Any = None
    quantiles: dict[str, Any] = field(default_factory=dict)
    spread: dict[str, Any] = field(default_factory=dict)
    unlike: Any = None
    unlike_p: Any = None
    out_of_range: list[list[str]] | None = None

    def to_frame(self) -> pd.DataFrame:
        """Return a row a sample: its name, what is predicted, and probabilities `p_0`, `p_1`, ...

        Masks, fields and sequences stand in one column as arrays.
        """
        import numpy as np
        import pandas as pd

        columns: dict[str, Any] = {"name": self.names, "prediction": list(self.labels)}
        if isinstance(self.probabilities, np.ndarray):
            columns |= {f"p_{k}": values for k, values in enumerate(self.probabilities.T)}
        return pd.DataFrame(columns)


@dataclass(frozen=True)
class Painted:
    """Predictions for every pixel of one image.

    Attributes:
        name: what the image is called.
        image: (height, width, channels) as the model got it.
        values: the mask (height, width) uint8 class positions, or fields (height, width, k), in
            the image's own size.
        outputs: (height, width, k) float32, where they were asked for.
        warnings: what was odd about the images.
        instances: (height, width) int32 numbers of the instances, from 1, where they are told
            apart; the mask then has the classes of their pixels.
        low: (height, width, k) lower ends of the intervals of fields, where a coverage was asked
            for.
        high: the same, the upper ends.
        unlike: whether the image is unlike the training data; None where that is not known.
        unlike_p: its p-value, small where it is.
    """

    name: str
    image: np.ndarray
    values: np.ndarray
    outputs: np.ndarray | None = None
    warnings: tuple[str, ...] = ()
    instances: np.ndarray | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    unlike: bool | None = None
    unlike_p: float | None = None

    @property
    def prediction(self) -> np.ndarray:
        """Return the instances, the mask or the fields: what the model is asked for."""
        return self.values if self.instances is None else self.instances


@dataclass(frozen=True)
class Reconstructed:
    """Reconstructions of n new samples.

    Attributes:
        names: what each is called.
        scaled: (n, ...) the scaled inputs: pixels from 0 to 1, standardized numbers of tables.
        values: (n, ...) the same, reconstructed; None of a model that gives anomaly maps alone.
        scores: (n,) mean squared error of each, or the largest value of its map.
        p_values: (n,) share of normal samples whose score is at least as large, by the errors of
            the validation split; None where there was none.
        warnings: what was odd about the samples.
        maps: (n, ...) squared error at each place, of images at each pixel.
        threshold: what the maps of 5 % of normal images of the validation split reach anywhere;
            None where there were too few, and in older runs.
    """

    names: list[str]
    scaled: np.ndarray
    values: np.ndarray | None
    scores: np.ndarray
    p_values: np.ndarray | None
    warnings: tuple[str, ...] = ()
    maps: np.ndarray | None = None
    threshold: float | None = None

    def facts(self) -> list[dict[str, float]]:
        """Return `score` and, where there is one, `p_value` of each sample in 7 digits."""
        scored = {"score": self.scores}
        if self.p_values is not None:
            scored["p_value"] = self.p_values
        columns = zip(*scored.values(), strict=True)
        return [
            {name: float(f"{value:.7g}") for name, value in zip(scored, row, strict=True)}
            for row in columns
        ]

    def rows(self) -> list[dict[str, Any]]:
        """Return the same with the name of each."""
        pairs = zip(self.names, self.facts(), strict=True)
        return [{"name": name, **facts} for name, facts in pairs]


@dataclass(frozen=True)
class Forecast:
    """Forecast of one series.

    Attributes:
        name: of the series; "" where there is one alone.
        times: of the steps ahead, as text.
        values: (horizon, targets).
        low: the same, the lower end of the band that held most true values of the validation
            part; None where there was none.
        high: the upper end.
        notes: what was assumed.
        warnings: what was odd about the series.
        unlike: whether its last window is unlike the training data; None where the run kept
            nothing to tell by.
        unlike_p: as of `Predictions`.
        quantiles: (horizon, targets) by level, `q0.05` first, where the model predicts them.
    """

    name: str
    times: list[str]
    values: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unlike: bool | None = None
    unlike_p: float | None = None
    quantiles: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Generated:
    """Samples that a generative model drew.

    Attributes:
        samples: (n, *shape) raw samples, of the type and range of those it was trained on.
        scaled: (n, *shape) as the model gives them: pixels from 0 to 1, standardized numbers.
        numbers: (n,) that they are conditional on; None of other models.
    """

    samples: np.ndarray
    scaled: np.ndarray
    numbers: np.ndarray | None = None
