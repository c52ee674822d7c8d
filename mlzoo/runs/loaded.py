"""A finished run's record, configuration, model and data, and reading new samples as it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zipfile import is_zipfile

from mlzoo.core import files, registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.images.reader import PixelReader
from mlzoo.data.reader import Reader
from mlzoo.data.reader_record import reader_of
from mlzoo.data.specs import Target, target_of
from mlzoo.data.tables.reader import Column, TableReader
from mlzoo.runs import devices
from mlzoo.runs.config_loading import read_config
from mlzoo.runs.models import outputs_of, read_model
from mlzoo.runs.predicting import decisions, novelty

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd

    from mlzoo.data.images.tiles import Tiling
    from mlzoo.data.masks.operating_point import MaskRule
    from mlzoo.data.samples import Data
    from mlzoo.runs.contents.metrics import RunMetrics
    from mlzoo.statistics.calibration.decisions import Decision

_AnyReader = TypeVar("_AnyReader", bound=Reader)
_RECORD = ("task", "kind", "class_names", "input_shape", "reader", "fingerprint")
_METRICS = ("headline", "test", "kept", "epochs")
"""Names without which `data.json` and `metrics.json` are damaged."""
ChooseTiling = Callable[[int, int], "Tiling | None"]
"""From an image's height and width to how it is cut."""


class LoadedRun:
    """A finished run's files; its model is loaded when it is first needed.

    The modules of `predicting/` work with it, and `OpenedRun` adds what they predict.

    Args:
        path: of the run folder.
        trust: run code that the folder holds or names.
        tta: test-time augmentation, `none` or `flips`.

    Raises:
        UsageError: no such augmentation, or the run has no images to flip.
        DataError: `data.json` is damaged.
    """

    def __init__(self, path: Path, trust: bool = False, tta: str = "none") -> None:
        self.path = path
        self.trust, self.tta = trust, tta
        self.record = files.read_mapping(path / "data.json", _RECORD)
        if tta not in ("none", "flips"):
            raise UsageError(f"--tta: choose none or flips (got {tta!r})")
        if tta == "flips" and (self.target.pixel_numbers or not self._takes_images):
            raise UsageError(
                f"--tta flips is for images with classes, masks or numbers; this run is of "
                f"{self.record['task']} on {self.record['kind']}s"
            )

    @property
    def target(self) -> Target:
        """The kind of target that is predicted."""
        return target_of(self.record["task"])

    @cached_property
    def reader(self) -> Reader:
        """Reader of new samples, as the training data were read.

        Raises:
            DataError: `data.json` is damaged.
        """
        return reader_of(self.path / "data.json", self.record)

    @property
    def reader_columns(self) -> tuple[Column, ...]:
        """The input columns of a table; none of other data."""
        return self.reader.columns if isinstance(self.reader, TableReader) else ()

    def limit_pixels(self, most: int) -> None:
        """Refuse new images with more pixels, or with more than the run's own limit."""
        if isinstance(self.reader, PixelReader):
            limit = min(most, self.reader.max_pixels)
            self.reader = self.reader.model_copy(update={"max_pixels": limit})

    def reader_as(self, wanted: type[_AnyReader]) -> _AnyReader:
        """Return the reader as one of the kind that the task takes.

        Raises:
            DataError: it is of another kind; `data.json` is damaged.
        """
        if isinstance(self.reader, wanted):
            return self.reader
        problem = f"is of kind {self.reader.kind}, which the task {self.record['task']} can't use"
        raise files.damaged(self.path / "data.json", f"is damaged: its reader {problem}")

    @property
    def _takes_images(self) -> bool:
        shape = self.record["input_shape"]
        return len(shape) == 3 and self.record["kind"] in ("image", "array")

    def require_predictions(self, command: str) -> None:
        """Raise UsageError where the model draws samples, or acts, and predicts no given ones.

        Args:
            command: what was to be done with its predictions.
        """
        if self.target.drawn:
            raise UsageError(
                f"{command}: {self.path} draws new samples and predicts nothing of given ones; "
                f"use `mlzoo generate {self.path}`"
            )
        if self.target.acts:
            raise UsageError(
                f"{command}: {self.path} acts in an environment, which this command does not "
                f"know; `mlzoo predict {self.path}` plays an episode, and on a grid "
                "plots/state_values.png maps what it values"
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @cached_property
    def config(self) -> RunConfig:
        """The configuration that trained it.

        Raises:
            UsageError: it names code, and the run was not opened with `trust`.
        """
        return read_config(self.path, self.trust)

    @cached_property
    def metrics(self) -> RunMetrics:
        """Content of `metrics.json`; of a run without scores, which has none, no scores."""
        path = self.path / "metrics.json"
        content: Any = {"headline": {"name": "", "value": None}, "test": {"metrics": {}}}
        if path.exists() or not self.config.unscored:
            content = files.read_mapping(path, _METRICS)
        metrics: RunMetrics = content
        return metrics

    @property
    def history(self) -> pd.DataFrame:
        """`history.csv` as a DataFrame: loss, metrics and learning rate of each epoch.

        Raises:
            DataError: it was cut short.
        """
        import pandas as pd

        path = self.path / "history.csv"
        if not path.is_file():
            return pd.DataFrame()
        files.check_end(path)
        return pd.read_csv(path)

    @cached_property
    def model(self) -> keras.Model:
        """The Keras model: raw inputs in, probabilities or numbers out.

        Raises:
            DataError: the file is cut short or no Keras archive.
            UsageError: the model needs code that stands in the run folder, and the run was not
                opened with `trust`; or the file is damaged, holds a Lambda, or needs KerasHub.
        """
        return self._read_model(self.path / "model.keras")

    @cached_property
    def networks(self) -> dict[str, keras.Model]:
        """All networks of a model of several, by name; empty for any other model.

        Raises:
            DataError: a file is cut short or no Keras archive.
            UsageError: as of `model`.
        """
        files_of = {path.stem: path for path in (self.path / "networks").glob("*.keras")}
        if not files_of:
            return {}
        main = registry.load("model", self.config.model).MAIN
        others = {name: self._read_model(path) for name, path in files_of.items()}
        return dict(sorted({**others, main: self.model}.items()))

    @property
    def _precision(self) -> str:
        """The arithmetic that it was trained in, as `environment.json` says without any code."""
        environment = self.path / "environment.json"
        recorded = files.read_mapping(environment) if environment.is_file() else {}
        return str(recorded.get("precision", "float32"))

    def _read_model(self, path: Path) -> keras.Model:
        """Read one of the run's models; see `model`."""
        if not is_zipfile(path):
            empty = path.is_file() and not path.stat().st_size
            raise files.damaged(
                path, "is empty" if empty else "is damaged: it is no whole Keras archive"
            )
        devices.prepare()
        if self._precision == "float64":
            devices.set_precision("float64")
        own_code = self.path / "model.py"
        if own_code.exists() and self.trust:
            registry.trust(str(own_code))
            registry.import_file(own_code)
        try:
            return read_model(path)
        except UsageError as error:
            if own_code.exists() and not self.trust:
                raise UsageError(
                    f"{self.path} holds a model with code of its own (model.py); read it, and if "
                    "you trust it repeat the command with --trust"
                ) from error
            raise

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """The model's outputs (n, units) for raw inputs (n, *shape), in chunks."""
        if self.tta == "flips":
            from mlzoo.statistics.symmetry import averaged

            return averaged(lambda each: outputs_of(self.model, each), inputs, self.dense)
        return outputs_of(self.model, inputs)

    @cached_property
    def spread_model(self) -> keras.Model | None:
        """The model from inputs to the predicted distribution; None where it predicts none."""
        from mlzoo.layers.predictive import distribution_model

        return None if self.tta != "none" else distribution_model(self.model)

    def distributions(self, inputs: np.ndarray) -> np.ndarray:
        """Return means and deviations (n, 2, units), quantiles (n, q, units), or else `outputs`."""
        spread = self.spread_model
        return self.outputs(inputs) if spread is None else outputs_of(spread, inputs)

    @cached_property
    def joint_model(self) -> novelty.JointModel:
        """The model of outputs, or distributions, and features of one pass."""
        return novelty.JointModel(self.model, (self.spread_model or self.model).outputs[0])

    @property
    def marks_unlike(self) -> bool:
        """Return whether predictions of such a run can say which samples are unlike its data."""
        return self.target.whole or self.dense

    @cached_property
    def pooled_model(self) -> novelty.PooledModel:
        """The model of something at every pixel, and of features of the image."""
        return novelty.PooledModel(self.model)

    def joint_outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return what `joint_model` returns for raw inputs (n, *shape), in chunks."""
        return outputs_of(self.joint_model.model, inputs)

    @cached_property
    def reference(self) -> novelty.Reference | None:
        """Features of training samples, which new samples are compared with; None without any.

        Raises:
            DataError: the file is damaged.
        """
        return novelty.read(self.path)

    @cached_property
    def decision(self) -> Decision | None:
        """The operating point that classes are decided by; None: the most probable one is.

        Raises:
            DataError: the file is damaged.
        """
        return decisions.read_decision(self.path)

    @cached_property
    def mask_rule(self) -> MaskRule | None:
        """The rule by which masks of two classes are decided; None: the more probable one is.

        Raises:
            DataError: the file is damaged.
        """
        return decisions.read_mask_rule(self.path, self.record["class_names"])

    @property
    def scaling(self) -> list[dict[str, Any]]:
        """Return the layers that scale the model's raw inputs, serialized."""
        import keras

        # A network that draws samples has no raw inputs; another of the run has them.
        networks = [*self.networks.values(), self.model]
        layers = [each.get_layer("scaling") for each in networks if _has_scaling(each)][:1]
        return [keras.layers.serialize(layer) for layer in layers]

    @property
    def dense(self) -> bool:
        """Return whether something is predicted at every pixel."""
        return self.target.dense

    @cached_property
    def reach(self) -> float:
        """Receptive field of the network in pixels to each side, which tiles need beside them."""
        from mlzoo.layers.receptive_field import reach

        return reach(self.model)

    def tiling(self, tile: int | str | None = None, overlap: int | None = None) -> ChooseTiling:
        """Return how images of a height and width are cut: by default as in training.

        Args:
            tile: side of the tiles, `auto` or `none`.
            overlap: pixels that tiles share; by default as many as the network needs.
        """
        from mlzoo.data.images.tiles import Cutting, tile_of

        chosen = tile_of(self.config.tile if tile is None else tile, self.reader.depth)
        shared = self.config.overlap if overlap is None and tile is None else overlap
        return Cutting(chosen, shared, lambda: self.reach)

    def read_new(self, new: Any, listener: Listener) -> tuple[Any, list[str], tuple[str, ...]]:
        """Return the rows of new samples, their names and warnings.

        Raises:
            DataError: they do not fit what the model was trained on, or there are none.
        """
        import numpy as np

        from mlzoo.data.inputs import read_inputs
        from mlzoo.data.objects.conversion import as_frame, as_path

        if not isinstance(new, (str, Path)) and as_frame(new) is not None:
            new = as_path(new)
        if isinstance(new, (str, Path)):
            read = read_inputs(str(new), self.reader, listener.progress)
            rows, names, warnings = read.rows, list(read.names), tuple(read.warnings)
        else:
            rows, warnings = self.checked(np.asarray(new)), ()
            names = [f"sample {index}" for index in range(len(rows))]
        if not names:
            raise DataError(f"{new if isinstance(new, (str, Path)) else 'the array'} is empty")
        return rows, names, warnings

    def checked(self, inputs: np.ndarray) -> Any:
        """Raw inputs (n, *shape) as the model takes them; sequences may end in steps of NaN.

        Raises:
            DataError: they have another shape.
        """
        if self.record["kind"] == "sequence":
            from mlzoo.data.sequences.inference_inputs import as_sequences

            return as_sequences(inputs, self.reader.input_names, "the array")
        expected = tuple(self.record["input_shape"])
        if self.reader.depth and inputs.shape[1:] != expected:
            from mlzoo.data.volumes.slices import as_trained_slices

            inputs = as_trained_slices(inputs, self.reader.depth, "the array")
        if inputs.shape[1:] != expected:
            raise DataError(
                f"inputs have shape {inputs.shape}, the model takes (n, "
                f"{', '.join(map(str, expected))})"
            )
        return inputs

    def own_data(self, listener: Listener | None = None) -> Data:
        """The data that it was trained on, in the same three parts.

        Raises:
            DataError: they have changed or are gone.
            UsageError: it was made without any.
        """
        from mlzoo.data import loading
        from mlzoo.data.problems.recorded import problem_before
        from mlzoo.runs import datasets

        if not self.config.data:
            raise UsageError(
                f"{self.path} was made of given weights without data; name data, as in "
                f"`mlzoo evaluate {self.path} DATA`"
            )
        own = Path(self.config.data)
        if own.is_absolute() and not files.is_there(own):
            raise DataError(
                f"{self.path} was trained on {self.config.data}, which is not there (looked at "
                f"{files.real_path(self.config.data)}); put it back, or name other data, as in "
                f"`mlzoo evaluate {self.path} DATA` or `mlzoo explain {self.path} --data DATA`"
            )
        listener = listener or Listener()
        samples = loading.read_again(self.config, self.reader, listener.progress)
        if before := problem_before(self.record, samples.problem):
            samples = replace(samples, problem=before)
            listener.warn(
                f"{self.config.data} has been edited since the run was trained; what follows is of "
                "the equations that it was trained on, which data.json keeps"
            )
        arranged = datasets.arrange(samples, self.config, self.config.seed)
        if arranged.fingerprint != self.record["fingerprint"]:
            if not self._differs_in_rounding(arranged):
                raise DataError(
                    f"{self.config.data} has changed since the run was trained (fingerprint "
                    f"{arranged.fingerprint[:12]} instead of {self.record['fingerprint'][:12]}); "
                    f"score it as new data with `mlzoo evaluate {self.path} {self.config.data}`"
                )
            listener.warn(
                f"{self.config.data} differs from the data of the training: it is computed from "
                "the seed, and machines round differently"
            )
        return arranged

    def _differs_in_rounding(self, data: Data) -> bool:
        """Return whether data that are computed from the seed have the samples that they had."""
        from mlzoo.data.record import data_record

        source = self.reader.source
        if source is None or not registry.constants("source", source).get("COMPUTED", False):
            return False
        return bool(data_record(data, self.config)["parts"] == self.record["parts"])


def _has_scaling(model: keras.Model) -> bool:
    return any(layer.name == "scaling" for layer in model.layers)
