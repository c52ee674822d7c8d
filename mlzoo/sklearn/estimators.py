"""scikit-learn estimators whose fitting is a run: a classifier, a regressor, an embedding.

They work in `Pipeline`, `cross_val_score` and `GridSearchCV`, take arrays and DataFrames with
missing numbers and columns of text, and are saved as run folders, without pickles.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from mlzoo import api
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.inputs import read_inputs
from mlzoo.runs.models import outputs_of
from mlzoo.runs.predicting.features import feature_extractor
from mlzoo.sklearn.folders import pack, read_record, unpack, write_record
from mlzoo.sklearn.frames import class_names, frame_and_target, frame_of, unused, weighted
from mlzoo.training.starting.preparing import FOLDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TARGET = "target"
_WEIGHT = "weight"
_ARCHIVE = "archive"
_PLAIN = {"baselines": "none", "pictures": "none"}
"""Settings that spare a fit among hundreds its extras, unless `settings` say otherwise."""
_BATCH = 256
"""Rows of a batch that is predicted: always as many, so that a row's numbers depend on it alone."""


class _MlzooEstimator(BaseEstimator):
    """A model that `mlzoo.train` fits on a table, in a run folder of its own."""

    _task: str

    def __init__(
        self,
        model: str = "mlp",
        *,
        set: Mapping[str, Any] | None = None,
        epochs: int = 50,
        learning_rate: float | None = None,
        preset: str = "fast",
        fractions: str = "80/10/10",
        settings: Mapping[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.model = model
        self.set = set
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.preset = preset
        self.fractions = fractions
        self.settings = settings
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        """Return the tags: missing numbers are accepted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _fit(
        self,
        frame: pd.DataFrame,
        target: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> Self:
        """Train in a folder that lives as long as the estimator.

        Args:
            frame: columns.
            target: (rows,), or None where the rows themselves are learned.
            weights: (rows,) from 0 on, or None.

        Raises:
            ValueError: the data or the settings can't be used.
        """
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31 - 1)
        given: dict[str, object] = {"preset": self.preset, "set": self.set or {}, **_PLAIN}
        if not str(self.fractions).rpartition("/")[2].strip("0."):
            given |= _without_test({**given, **(self.settings or {})})
        if self.learning_rate is not None:
            given["learning_rate"] = self.learning_rate
        folder = tempfile.TemporaryDirectory(prefix="mlzoo-")
        table = frame
        if target is not None:
            name = unused(_TARGET, frame)
            given["target"], table = name, frame.assign(**{name: target})
        if weights is not None:
            given["weight_column"] = unused(_WEIGHT, table)
            table[given["weight_column"]] = weights
        data = Path(folder.name) / "data.parquet"
        table.to_parquet(data)
        try:
            run = api.train(
                self.model,
                str(data),
                task=self._task,
                epochs=self.epochs,
                fractions=self.fractions,
                seed=int(seed),
                out=folder.name,
                name="run",
                **{**given, **(self.settings or {})},
            )
        except (DataError, UsageError) as error:
            raise ValueError(str(error)) from error
        self._folder, self.run_ = folder, run
        return self

    def _outputs(self, X: Any) -> np.ndarray:
        """Return the model's outputs (rows, units), float64."""
        return self._computed(X, lambda rows: self.run_.outputs(rows))

    def _computed(self, X: Any, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return what a function of raw rows (`_BATCH`, columns) gives for each, float64."""
        check_is_fitted(self, "run_")
        frame = frame_of(self, X, reset=False)
        with tempfile.TemporaryDirectory(prefix="mlzoo-") as folder:
            path = Path(folder) / "new.parquet"
            frame.to_parquet(path)
            try:
                rows = np.asarray(read_inputs(str(path), self.run_.reader).rows)
            except DataError as error:
                raise ValueError(str(error)) from error
        padded = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % _BATCH, axis=0)])
        parts = [function(each) for each in np.split(padded, len(padded) // _BATCH)]
        return np.concatenate(parts)[: len(rows)].astype("float64")

    def save(self, path: str | Path) -> None:
        """Write the fitted estimator as a run folder with `estimator.json`, without pickles.

        Args:
            path: the folder; `mlzoo predict` and the other commands take it too.

        Raises:
            FileExistsError: something stands there.
        """
        check_is_fitted(self, "run_")
        write_record(self, self.run_.path, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the estimator that `save` wrote.

        Raises:
            ValueError: it is one of another class.
        """
        parameters, fitted = read_record(cls.__name__, Path(path))
        estimator = cls(**parameters)
        for name, value in fitted.items():
            setattr(estimator, name, value)
        estimator.run_ = api.load(path)
        return estimator

    def __getstate__(self) -> dict[str, object]:
        """Return the state for copies to other processes: the run folder as the bytes of a zip."""
        state = dict(super().__getstate__())
        run = state.pop("run_", None)
        state.pop("_folder", None)
        return state if run is None else {**state, _ARCHIVE: pack(run.path)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Unpack the run folder."""
        archive = state.pop(_ARCHIVE, None)
        super().__setstate__(state)
        if archive is not None:
            self._folder = tempfile.TemporaryDirectory(prefix="mlzoo-")
            self.run_ = api.load(unpack(archive, Path(self._folder.name) / "run"))


def _without_test(given: Mapping[str, Any]) -> dict[str, object]:
    """Return what a run without a test split has: folds where they are asked for, else no scores.

    Args:
        given: fields of the run.
    """
    folds = int(given.get("folds", 1))
    if "folds" not in given and given.get("train_on", "train") == "train":
        folds = FOLDS.get(given["preset"], 1)
    return {"folds": folds} if folds > 1 else {"unscored": True}


class MlzooClassifier(ClassifierMixin, _MlzooEstimator):
    """A classifier that `mlzoo.train` fits on a table.

    Its parameters are those of `MlzooRegressor`; `classes_` are the labels, in order.
    """

    _task = "classification"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows and one label for each.

        Args:
            X: (rows, columns): numbers, NaN where they are missing; or a DataFrame, whose
                columns of text are categories.
            y: (rows,) labels of at least two classes.
            sample_weight: (rows,) as of `MlzooRegressor.fit`.

        Raises:
            ValueError: the data can't be used.
        """
        frame, y = frame_and_target(self, X, y)
        frame, y, weights = weighted(frame, y, sample_weight)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y holds 1 class only, {self.classes_[0]!r}; a classifier needs at least two"
            )
        labels = np.array(class_names(self.classes_), dtype=object)[codes]
        return self._fit(frame, labels, weights)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities (rows, classes), in the order of `classes_`."""
        y = self._outputs(X)
        if y.shape[1] == 1:
            y = np.concatenate([1 - y, y], axis=1)
        order = list(self.run_.record["class_names"])
        return y[:, [order.index(name) for name in class_names(self.classes_)]]

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable label of each row."""
        best = self.predict_proba(X).argmax(axis=1)  # which checks that it is fitted
        labels: np.ndarray = self.classes_[best]
        return labels


class MlzooRegressor(RegressorMixin, _MlzooEstimator):
    """A regressor that `mlzoo.train` fits on a table.

    Args:
        model: a model plug-in for tables, `mlp` or `linear` among them, or the path of a file.
        set: settings of the model (`mlzoo models show NAME`).
        epochs: passes over the training split, at most.
        learning_rate: step size; None: the optimizer's usual one.
        preset: effort of the model's recipe: `none`, `fast`, `good` or `best`.
        fractions: shares of the rows that train the model, that decide when it stops, and that the
            run is tested on, in percent. The scores of the last are `run_.metrics`; where it is 0,
            as in `100/0/0`, all rows are learned from, and the run has none, or those out of fold
            where a preset or `settings` ask for folds.
        settings: other fields of `mlzoo.RunConfig`, such as `{"class_weights": "auto"}`.
        random_state: seed of the split, the weights and the order of samples, or what draws it.

    Attributes:
        run_: the finished run, a `mlzoo.api.Run`.
        n_features_in_: columns that it was fitted on.
        feature_names_in_: their names, where it was fitted on a DataFrame.
    """

    _task = "regression"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows and one number for each.

        Args:
            X: (rows, columns): numbers, NaN where they are missing; or a DataFrame, whose
                columns of text are categories.
            y: (rows,) numbers.
            sample_weight: (rows,) from 0 on, how much each row counts in the training and
                validation loss, in proportion; rows of 0 are left out.

        Raises:
            ValueError: the data can't be used.
        """
        frame, y = frame_and_target(self, X, y, numeric=True)
        frame, y, weights = weighted(frame, y, sample_weight)
        return self._fit(frame, y.astype("float64"), weights)

    def predict(self, X: Any) -> np.ndarray:
        """Return a number for each row."""
        return self._outputs(X)[:, 0]


class MlzooEmbedding(ClassNamePrefixFeaturesOutMixin, TransformerMixin, _MlzooEstimator):
    """A transformer from rows to the code of a model that `mlzoo.train` fits on them, without y.

    Its parameters are those of `MlzooRegressor`; `model` is one that restores its inputs from a
    code, as `autoencoder` and `vae` do, and `set={"code": 2}` says how many numbers that has.
    """

    _task = "reconstruction"

    def __init__(
        self,
        model: str = "autoencoder",
        *,
        set: Mapping[str, Any] | None = None,
        epochs: int = 50,
        learning_rate: float | None = None,
        preset: str = "fast",
        fractions: str = "80/10/10",
        settings: Mapping[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        super().__init__(
            model,
            set=set,
            epochs=epochs,
            learning_rate=learning_rate,
            preset=preset,
            fractions=fractions,
            settings=settings,
            random_state=random_state,
        )

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on rows.

        Args:
            X: (rows, columns): numbers, NaN where they are missing; or a DataFrame, whose
                columns of text are categories.
            y: ignored; pipelines pass it.

        Raises:
            ValueError: the data can't be used, or the model has no codes.
        """
        fitted = self._fit(frame_of(self, X, reset=True))
        try:
            feature_extractor(self.run_)
        except UsageError as error:
            raise ValueError(str(error)) from error
        return fitted

    def transform(self, X: Any) -> np.ndarray:
        """Return the codes (rows, numbers) of rows."""
        check_is_fitted(self, "run_")
        extractor = feature_extractor(self.run_)
        return self._computed(X, lambda rows: outputs_of(extractor, rows))

    @property
    def _n_features_out(self) -> int:
        """Numbers of a code, of which `get_feature_names_out` makes names."""
        return int(feature_extractor(self.run_).output_shape[-1])
