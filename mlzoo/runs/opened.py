"""A finished run, opened: its record, configuration, model, data and predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from mlzoo.data.masks.reader import DenseReader
from mlzoo.data.reader import Reader
from mlzoo.data.reader_record import reader_of
from mlzoo.data.sequences.reader import SeriesReader
from mlzoo.data.specs import Target, target_of
from mlzoo.data.tables.reader import Column, TableReader
from mlzoo.data.text.reader import PairReader, TextReader
from mlzoo.runs import devices, run_folder
from mlzoo.runs.config_loading import read_config
from mlzoo.runs.models import draw_samples, outputs_of, read_model
from mlzoo.runs.predicting import decisions, novelty
from mlzoo.runs.predicting.settings import COUNT, LENGTH, TEMPERATURE, UNLIKE
from mlzoo.runs.results import Forecast, Generated, Painted, Predictions, Reconstructed

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd

    from mlzoo.data.images.inference_inputs import NewImages
    from mlzoo.data.images.tiles import Tiling
    from mlzoo.data.samples import Data
    from mlzoo.statistics.calibration.decisions import Decision

_AnyReader = TypeVar("_AnyReader", bound=Reader)
_RECORD = ("task", "kind", "class_names", "input_shape", "reader", "fingerprint")
_METRICS = ("headline", "test", "kept", "epochs")
"""Names without which `data.json` and `metrics.json` are damaged."""
_ARRAYS = (".npz", ".npy")
ChooseTiling = Callable[[int, int], "Tiling | None"]
"""From an image's height and width to how it is cut."""


class OpenedRun:
    """A finished run, opened; its model is loaded when it is first needed."""

    def __init__(self, path: Path, trust: bool = False, tta: str = "none") -> None:
        self.path = path
        self.trust, self._tta = trust, tta
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
    def metrics(self) -> dict[str, Any]:
        """Content of `metrics.json`."""
        return files.read_mapping(self.path / "metrics.json", _METRICS)

    @property
    def history(self) -> pd.DataFrame:
        """`history.csv` as a DataFrame: loss, metrics and learning rate of each epoch."""
        import pandas as pd

        path = self.path / "history.csv"
        return pd.read_csv(path) if path.is_file() else pd.DataFrame()

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
        if self._tta == "flips":
            from mlzoo.statistics.symmetry import averaged

            return averaged(lambda each: outputs_of(self.model, each), inputs, self.dense)
        return outputs_of(self.model, inputs)

    @cached_property
    def spread_model(self) -> keras.Model | None:
        """The model from inputs to the predicted distribution; None where it predicts none."""
        from mlzoo.layers.predictive import distribution_model

        return None if self._tta != "none" else distribution_model(self.model)

    def distributions(self, inputs: np.ndarray) -> np.ndarray:
        """Return means and deviations (n, 2, units) where they are predicted, else `outputs`."""
        spread = self.spread_model
        return self.outputs(inputs) if spread is None else outputs_of(spread, inputs)

    @cached_property
    def joint_model(self) -> novelty.JointModel:
        """The model of outputs, or distributions, and features of one pass."""
        return novelty.JointModel(self.model, (self.spread_model or self.model).outputs[0])

    @property
    def marks_unlike(self) -> bool:
        """Return whether predictions of such a run can say which samples are unlike its data."""
        return self.target.sample_class or self.target.sample_numbers

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

    def _evaluated(self, inputs: np.ndarray, features: bool) -> tuple[np.ndarray, Any]:
        """Return outputs or distributions of raw inputs, and the features that are asked for."""
        if not features:
            return self.distributions(inputs), None
        outputs, seen = self.joint_model.split(self.joint_outputs(inputs))
        return (outputs if self._tta == "none" else self.distributions(inputs)), seen

    def predict(
        self,
        new: Any,
        listener: Listener | None = None,
        coverage: float | None = None,
        unlike: float = UNLIKE,
    ) -> Predictions:
        """Predict new samples.

        Where something is predicted at every pixel, images may have any height and width, and
        `masks` gives them one by one.

        Args:
            new: an array (n, *shape) of raw inputs, a DataFrame, or a file or folder's path.
            listener: hears of progress.
            coverage: give intervals of numbers, or sets of classes, that hold the truth of this
                share of samples.
            unlike: mark samples unlike the training data at this rate of false alarms; 0: none.

        Raises:
            DataError: the samples do not fit what the model was trained on.
            UsageError: the run has no scores for such a coverage.
        """
        from mlzoo.runs.predicting.conformal import scores_for, with_coverage

        scores = None
        if coverage is not None:
            scores = scores_for(self.path, self.record["task"], coverage)
        if self.dense:
            masks = list(self.masks(new, listener=listener))
            texts = masks[0].warnings if masks else ()
            return Predictions([f.name for f in masks], [f.prediction for f in masks], None, texts)
        if self.target.causal:
            raise UsageError("a model of text writes on: run.write(prompt)")
        if self.target.ahead:
            ahead = self.forecast(new, listener)
            texts = ahead[0].warnings if ahead else ()
            return Predictions([f.name for f in ahead], [f.values for f in ahead], None, texts)
        self.require_predictions("predict")
        if self.target.is_input:
            restored = self.reconstruct(new, listener)
            return Predictions(restored.names, restored.facts(), None, restored.warnings)
        import numpy as np

        listener = listener or Listener()
        rows, names, warnings = self.read_new(new, listener)
        if self.target.translated:
            from mlzoo.tasks.translation import predicted_texts

            written = predicted_texts(self.outputs, rows, self.reader_as(PairReader))
            return Predictions(list(names), written, None, tuple(warnings))
        if self.target.step_class:
            return self._labelled(rows, list(names), tuple(warnings))
        reference = self.reference if unlike and self.marks_unlike else None
        parts, seen = [], []
        for start in range(0, len(rows), 1024):
            part, features = self._evaluated(rows[start : start + 1024], reference is not None)
            parts.append(part)
            seen.append(features)
            listener.progress(min(start + 1024, len(rows)), len(rows), "predicting")
        outputs = np.concatenate(parts)
        spread = self.spread_model is not None
        mean = outputs[:, 0] if spread else outputs
        predictions = self._named(list(names), mean, tuple(warnings))
        if spread:
            predictions = replace(predictions, std=outputs[:, 1].astype("float64"))
        if self._tta == "none":
            predictions = replace(predictions, spread=self._spread(rows))
        if reference is not None:
            names = [column.name for column in self.reader_columns]
            trained = self.record["parts"]["train"]["samples"]
            predictions = novelty.with_novelty(
                predictions, np.concatenate(seen), rows, reference, unlike, names, trained
            )
        if coverage is None:
            return predictions
        classes = self.record["class_names"]
        return with_coverage(self.model, classes, rows, predictions, scores, coverage)

    def _spread(self, rows: Any) -> dict[str, np.ndarray]:
        """Return the columns that say how far members, or passes with dropout, differ."""
        from mlzoo.runs.predicting import spread

        if spread.has_members(self.path):
            return spread.spread_of(spread.member_outputs(self.model, rows), self.target)
        passes = spread.dropout_passes(self.path)
        if not passes:
            return {}
        outputs = spread.dropout_outputs(self.spread_model or self.model, rows, passes)
        return spread.spread_of(outputs, self.target)

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

    def reconstruct(self, new: Any, listener: Listener | None = None) -> Reconstructed:
        """Reconstruct new samples: an array (n, *shape) of raw inputs, or a path.

        Raises:
            DataError: the samples do not fit what the model was trained on.
        """
        import numpy as np

        from mlzoo.data.contracts import task
        from mlzoo.layers.input_scaling import scaled
        from mlzoo.statistics.scorers import Reconstructions, p_values
        from mlzoo.tasks._anomalies import AnomalyTask

        listener = listener or Listener()
        rows, names, warnings = self.read_new(new, listener)
        truths, values = [], []
        for start in range(0, len(rows), 1024):
            inputs = np.asarray(rows[start : start + 1024])
            truths.append(scaled(self.scaling, inputs))
            values.append(self.outputs(inputs))
            listener.progress(min(start + 1024, len(rows)), len(rows), "predicting")
        truth, predicted = np.concatenate(truths), np.concatenate(values)
        of = task(self.record["task"])
        assert isinstance(of, AnomalyTask)
        scores = Reconstructions(of.sums(truth, predicted)).errors()
        scored = self.metrics["test"]["metrics"]
        normal = scored.get("validation_errors")
        return Reconstructed(
            names,
            truth,
            None if self.target.scored else predicted.reshape(truth.shape),
            scores,
            None if normal is None else p_values(scores, np.array(normal)),
            warnings,
            of.maps(truth, predicted),
            scored.get("thresholds", {}).get("pixel"),
        )

    @property
    def scaling(self) -> list[dict[str, Any]]:
        """Return the layers that scale the model's raw inputs, serialized."""
        import keras

        # A network that draws samples has no raw inputs; another of the run has them.
        networks = [*self.networks.values(), self.model]
        layers = [each.get_layer("scaling") for each in networks if _has_scaling(each)][:1]
        return [keras.layers.serialize(layer) for layer in layers]

    def features(self, new: Any, listener: Listener | None = None) -> tuple[list[str], np.ndarray]:
        """Return names of new samples and the features (n, features) that the output layer sees.

        Of a model of samples themselves they are its code.

        Args:
            new: an array (n, *shape) of raw inputs, or a file or folder's path.
            listener: hears of progress.

        Raises:
            UsageError: the model has no features of a whole sample.
            DataError: the samples do not fit what the model was trained on.
        """
        import keras
        import numpy as np

        from mlzoo.layers.features import last_features

        listener = listener or Listener()
        if self.target.scored:
            raise UsageError(f"{self.path} has features of patches, and none of a whole sample")
        if self.target.is_input:
            seen = self.model.get_layer("code").output
        elif self.config.averaged > 1:
            raise UsageError(
                f"{self.path} is the mean of {self.config.averaged} models, each with features of "
                "its own; train one without --folds and --ensemble"
            )
        else:
            seen = last_features(self.model)
        if len(seen.shape) != 2:
            raise UsageError(
                f"the output layer sees {tuple(seen.shape)[1:]} of a sample here: places or "
                "steps, no features of the whole"
            )
        rows, names, warnings = self.read_new(new, listener)
        for warning in warnings:
            listener.warn(warning)
        extractor = keras.Model(self.model.inputs, seen)
        parts = []
        for start in range(0, len(rows), 1024):
            parts.append(outputs_of(extractor, rows[start : start + 1024]))
            listener.progress(min(start + 1024, len(rows)), len(rows), "computing features")
        return names, np.concatenate(parts)

    def forecast(self, new: Any, listener: Listener | None = None) -> list[Forecast]:
        """Forecast series: those of a table's path, or windows (n, steps, channels).

        A model that goes on from vectors takes (n, numbers).

        Raises:
            DataError: the series do not fit what the model was trained on.
        """
        import numpy as np

        from mlzoo.data.inputs import read_inputs
        from mlzoo.data.new_samples import existing
        from mlzoo.data.sequences.inference_series import last_windows

        reader = self.reader
        notes: tuple[str, ...] = ()
        warnings: tuple[str, ...] = ()
        times: list[list[str]] | None = None
        if isinstance(new, (str, Path)):
            location = existing(str(new))
            series = isinstance(reader, SeriesReader)
            if series and location.is_dir():
                raise DataError(f"{new} is a folder; name a table of series, a row a step")
            if isinstance(reader, SeriesReader) and location.suffix.lower() not in _ARRAYS:
                latest = last_windows(location, reader)
                rows, names, times = latest.windows, latest.names, latest.times
                notes, warnings = latest.notes, latest.warnings
            else:
                read = read_inputs(str(new), reader)
                rows, names, warnings = np.asarray(read.rows[:]), read.names, read.warnings
        else:
            rows = self.checked(np.asarray(new))
            names = [f"sample {index}" for index in range(len(rows))]
        if not names:
            raise DataError(f"{new if isinstance(new, (str, Path)) else 'the array'} is empty")
        y_pred = self.outputs(rows).astype("float64")
        ahead = [f"+{step}" for step in range(1, y_pred.shape[1] + 1)]
        band = self.metrics["test"]["metrics"].get("band")
        low, high = (np.array(band[end]) if band else None for end in ("low", "high"))
        return [
            Forecast(
                name,
                ahead if times is None else times[i],
                y_pred[i],
                None if low is None else y_pred[i] + low,
                None if high is None else y_pred[i] + high,
                notes,
                warnings,
            )
            for i, name in enumerate(names)
        ]

    def generate(
        self, count: int = COUNT, seed: int = 0, class_name: str | None = None
    ) -> Generated:
        """Draw new samples from a generative model.

        Args:
            count: how many.
            seed: decides what is drawn.
            class_name: class of all samples, of a conditional model, by default each in turn.

        Raises:
            UsageError: the run's model draws no samples, or none of a class that is chosen.
        """
        import numpy as np

        from mlzoo.layers.input_scaling import unscaled

        if not self.target.drawn:
            raise UsageError(
                f"{self.path} is a run of {self.record['task']}, whose model draws no samples; "
                "train one that does, such as vae"
            )
        networks = self.networks
        plugin = registry.load("model", self.config.model)
        classes = self._asked_classes(count, class_name)
        scaled = draw_samples(plugin, self.config.set, networks, count, seed, classes)
        raw = unscaled(self.scaling, scaled)
        if self.reader.maximum:
            raw = np.clip(raw, 0, self.reader.maximum)
        return Generated(raw, scaled)

    def _asked_classes(self, count: int, name: str | None) -> np.ndarray | None:
        """Return the position (count,) of the class of each sample of a conditional model.

        Raises:
            UsageError: there is no such class, or the model is not conditional.
        """
        import numpy as np

        known = self.record["class_names"]
        if not self.config.set.get("conditional"):
            if name is not None:
                raise UsageError(
                    f"--class {name}: {self.path} draws samples of any class; train it with "
                    "--set conditional=true"
                )
            return None
        if name is None:
            return np.arange(count) % len(known)
        if name not in known:
            listed = ", ".join(known)
            raise UsageError(
                f"--class: {registry.unknown('class', name, known)}; there are {listed}"
            )
        return np.full(count, known.index(name))

    def write(
        self,
        prompt: str,
        length: int = LENGTH,
        temperature: float = TEMPERATURE,
        seed: int = 0,
    ) -> str:
        """Continue a prompt with a model of text.

        Args:
            prompt: what to go on from.
            length: characters to write.
            temperature: 0 takes the likeliest character, 1 draws as the model says.
            seed: decides what is drawn.

        Raises:
            DataError: the prompt holds no character that the model knows.
        """
        from mlzoo.data.text.characters import continue_text

        reader = self.reader_as(TextReader)
        return continue_text(self.outputs, prompt, reader, length, temperature, seed)

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
        from mlzoo.data.images.tiles import Cutting

        chosen = self.config.tile if tile is None else tile
        shared = self.config.overlap if overlap is None and tile is None else overlap
        return Cutting(chosen, shared, lambda: self.reach)

    def masks(
        self,
        new: Any,
        *,
        tiling: ChooseTiling | None = None,
        outputs: bool = False,
        listener: Listener | None = None,
    ) -> Iterator[Painted]:
        """Predict at every pixel of new images, one after another.

        Args:
            new: an array (n, height, width, channels), or a file or folder's path.
            tiling: how large images are cut; as `self.tiling()` by default.
            outputs: give the model's outputs (height, width, k) as well, which are k times four
                bytes a pixel.
            listener: hears of progress.

        Raises:
            DataError: the images do not fit what the model was trained on.
        """
        import numpy as np

        from mlzoo.data.images.inference_inputs import as_images, enlarged_images, open_images

        listener, reader = listener or Listener(), self.reader_as(DenseReader)
        if isinstance(new, (str, Path)):
            images = open_images(str(new), reader, listener.progress)
        else:
            images = as_images(np.asarray(new), reader)
        if not len(images):
            raise DataError(f"{new if isinstance(new, (str, Path)) else 'the array'} is empty")
        if reader.degradation is not None:
            images = enlarged_images(images, reader.degradation.factor)
        cut = tiling or self.tiling()
        for index, name in enumerate(images.names):
            yield self._paint(images, index, name, cut, outputs)
            listener.progress(index + 1, len(images), "predicting")

    def _paint(
        self, images: NewImages, index: int, name: str, cut: ChooseTiling, outputs: bool
    ) -> Painted:
        import numpy as np

        from mlzoo.data.images.enlarging import in_size
        from mlzoo.data.images.tiles import seams
        from mlzoo.data.masks.instances import instances_of
        from mlzoo.tasks._dense import whole

        image, size = images.image(index), images.sizes[index]
        strips: list[np.ndarray] = []
        classes = self.target.pixel_class
        height, width = image.shape[:2]
        resized = (height, width) != size
        keep = outputs or (classes and resized)
        tiling = cut(height, width)
        values = whole(image, self.outputs, tiling, classes, strips.append if keep else None)
        raw_outputs = np.concatenate(strips) if keep else None
        if resized:
            to_resize = values if raw_outputs is None else raw_outputs
            values, raw_outputs = in_size(to_resize, size, classes, outputs)
        problem = seams(tiling, height, width, lambda: self.reach)
        warnings = (*images.warnings, problem) if problem else images.warnings
        instances = instances_of(values) if self.target.separate else None
        return Painted(name, image, values, raw_outputs, warnings, instances)

    def checked(self, inputs: np.ndarray) -> Any:
        """Raw inputs (n, *shape) as the model takes them; sequences may end in steps of NaN.

        Raises:
            DataError: they have another shape.
        """
        if self.record["kind"] == "sequence":
            from mlzoo.data.sequences.inference_inputs import as_sequences

            return as_sequences(inputs, self.reader.input_names, "the array")
        expected = tuple(self.record["input_shape"])
        if inputs.shape[1:] != expected:
            raise DataError(
                f"inputs have shape {inputs.shape}, the model takes (n, "
                f"{', '.join(map(str, expected))})"
            )
        return inputs

    def _labelled(self, rows: Any, names: list[str], warnings: tuple[str, ...]) -> Predictions:
        """The classes of every step of some sequences."""
        import numpy as np

        from mlzoo.data.samples import Part, Samples
        from mlzoo.tasks._steps import step_outputs

        samples = Samples(rows, np.zeros(len(names)), "labeling", "sequence")
        part = Part(samples, np.arange(len(names)))
        sequence_outputs = list(step_outputs(self.outputs, part))
        classes = self.record["class_names"]
        labels = [[classes[k] for k in outputs.argmax(axis=-1)] for outputs in sequence_outputs]
        return Predictions(names, labels, sequence_outputs, warnings)

    def _named(
        self, names: list[str], outputs: np.ndarray, warnings: tuple[str, ...]
    ) -> Predictions:
        from mlzoo.statistics.metrics import as_probabilities

        classes = self.record["class_names"]
        if self.target.is_label_set:
            from mlzoo.runs.predicting.label_sets import named

            return named(names, outputs, classes, self.metrics, warnings)
        if not classes:
            flat = outputs[:, 0] if outputs.shape[1] == 1 else outputs
            return Predictions(names, flat.tolist(), None, warnings)
        probabilities = as_probabilities(outputs)
        decided = probabilities.argmax(axis=1)
        if self.decision is not None:
            decided = self.decision.decide(probabilities)
        return Predictions(names, [classes[k] for k in decided], probabilities, warnings)

    def own_data(self, listener: Listener | None = None) -> Data:
        """The data that it was trained on, in the same three parts.

        Raises:
            DataError: they have changed or are gone.
            UsageError: it was made without any.
        """
        from mlzoo.data import loading
        from mlzoo.runs import datasets

        if not self.config.data:
            raise UsageError(
                f"{self.path} was made of given weights without data; name data, as in "
                f"`mlzoo evaluate {self.path} DATA`"
            )

        listener = listener or Listener()
        samples = loading.read_again(self.config, self.reader, listener.progress)
        arranged = datasets.arrange(samples, self.config, self.config.seed)
        if arranged.fingerprint != self.record["fingerprint"]:
            raise DataError(
                f"{self.config.data} has changed since the run was trained (fingerprint "
                f"{arranged.fingerprint[:12]} instead of {self.record['fingerprint'][:12]}); "
                f"score it as new data with `mlzoo evaluate {self.path} {self.config.data}`"
            )
        return arranged


def _has_scaling(model: keras.Model) -> bool:
    return any(layer.name == "scaling" for layer in model.layers)


def open_run(path: str | Path, trust: bool = False, tta: str = "none") -> OpenedRun:
    """Open a finished run folder; the arguments are those of `mlzoo.load`.

    Raises:
        UsageError: there is no finished run at the path, or it has no images to flip.
    """
    return OpenedRun(run_folder.find(path), trust, tta)
