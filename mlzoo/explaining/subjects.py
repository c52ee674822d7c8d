"""The model to explain with all that is known of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.core.registry import unknown
from mlzoo.data.environments.environment import Environment
from mlzoo.data.environments.finite import CRITIC, FiniteEnvironment
from mlzoo.data.images.reader import ImageReader
from mlzoo.data.new_samples import existing
from mlzoo.data.problems.problem import Problem
from mlzoo.data.problems.recorded import recorded_problem
from mlzoo.data.specs import Target, target_of
from mlzoo.data.text.reader import TextReader
from mlzoo.explaining.several_inputs import Several, as_one
from mlzoo.layers.audio import LogMel
from mlzoo.layers.joined import COLUMNS, IMAGE, SCALING
from mlzoo.layers.volumes import depth_of
from mlzoo.runs.models import read_model
from mlzoo.runs.opened import OpenedRun, open_run

_ERROR_TASK = "regression"
"""Task of a model of a sample's error, one number."""


@dataclass(frozen=True)
class Subject:
    """A model and what is known of it.

    Attributes:
        path: the run folder or the file.
        model: raw inputs in, probabilities or numbers out.
        task: one of `mlzoo.data.specs`.
        kind: `image`, `table`, `sequence` or `array`.
        outputs: names of classes or targets.
        columns: names of a table's columns, or of a sequence's channels.
        record: the run's `data.json`; empty for a file.
        run: the run; None for a file.
        several: how samples of several inputs are read and shown; None where there is one.
        spectrum: layer that turns waveforms into what is explained, their spectra; None where
            samples are explained as they are.
        error: whether the output is the error of a sample, which has no true value.
        taken: of a run of images with columns, the layer that takes the explained input out of a
            sample, `image` or `columns`; "": a sample is one input.
    """

    path: Path
    model: keras.Model
    task: str
    kind: str
    outputs: tuple[str, ...]
    columns: tuple[str, ...] = ()
    record: dict[str, object] = field(default_factory=dict)
    run: OpenedRun | None = None
    several: Several | None = None
    spectrum: LogMel | None = None
    error: bool = False
    taken: str = ""

    @property
    def entry(self) -> str:
        """Return the name of the layer behind which one of two inputs is explained; else ""."""
        return {"": "", IMAGE: "scaling", COLUMNS: SCALING}[self.taken]

    def shown(self, x: np.ndarray) -> np.ndarray:
        """Return the part of a sample that is explained and drawn."""
        if self.spectrum is not None:
            return np.asarray(keras.ops.convert_to_numpy(self.spectrum(x[None])[0]))
        if self.taken:
            taken = self.model.get_layer(self.taken)(x[None])[0]
            return np.asarray(keras.ops.convert_to_numpy(taken))
        return x if self.several is None else self.several.shown(x)

    @property
    def target(self) -> Target:
        """Return the kind of target that the task predicts."""
        return target_of(self.task)

    @property
    def classes(self) -> bool:
        """Return True if outputs are classes."""
        return self.target.is_class

    @property
    def maximum(self) -> float | None:
        """Return the largest value that an image can hold."""
        return None if self.run is None else self.run.reader.maximum

    @property
    def problem(self) -> Problem | None:
        """Return what is solved, where samples are points of a domain; else None.

        It is as it was when the run was trained; of runs that keep no copy, as its file is now.
        """
        if self.run is None or self.target.per != "point":
            return None
        if kept := recorded_problem(self.run.record, str(self.run.path / "data.json")):
            return kept
        source = registry.load("source", str(self.run.reader.source))
        if not hasattr(source, "problem_of"):  # of the user's own
            return self.run.own_data().samples.problem
        problem: Problem = source.problem_of(self.run.config.data)
        return problem

    @property
    def depth(self) -> int:
        """Return the slices of a volume; 0 where samples are no volumes."""
        return depth_of(self.model) if self.run is None else self.run.reader.depth

    @cached_property
    def environment(self) -> Environment | None:
        """Return what the run acts in; None of runs that do not act."""
        if self.run is None or not self.target.acts:
            return None
        return self.run.own_data().samples.environment

    @property
    def grid(self) -> FiniteEnvironment | None:
        """Return the grid that the run acts on; None where it acts on none."""
        return self.environment if isinstance(self.environment, FiniteEnvironment) else None

    @property
    def critic(self) -> keras.Model | None:
        """Return the network that values the states of a policy on a grid; else None."""
        if self.run is None or self.grid is None:
            return None
        return self.run.networks.get(CRITIC)

    @property
    def paint(self) -> Callable[[np.ndarray], np.ndarray | None] | None:
        """Return what draws an observation of an environment; None of other samples."""
        return None if self.environment is None else self.environment.picture

    @property
    def alphabet(self) -> tuple[str, ...]:
        """Return the characters that codes of a text stand for; none if samples are no text."""
        reader = None if self.run is None else self.run.reader
        return reader.alphabet if isinstance(reader, TextReader) else ()


def open_subject(path: str, trust: bool = False, wanted: str | None = None) -> Subject:
    """Open a run folder or a .keras file.

    Args:
        path: the folder or file.
        trust: run Python code that a run folder holds or names.
        wanted: name of the input to explain, of several.

    Raises:
        UsageError: there is none, or it can't be loaded.
    """
    if path.endswith(".keras"):
        return _from_file(existing(path), wanted)
    return subject_of(open_run(path, trust=trust), wanted)


def subject_of(run: OpenedRun, wanted: str | None = None) -> Subject:
    """Return an open run as a subject.

    Args:
        run: the run.
        wanted: `image` or `columns`, of a run of images with columns; None: the image.

    Raises:
        UsageError: it draws samples, and finds no codes of given ones; it has no such input.
    """
    reader = run.reader
    beside = reader.beside if isinstance(reader, ImageReader) else ()
    if wanted is not None and not beside:
        raise UsageError(
            "--input is for .keras files of several inputs, and for runs with --with-columns; "
            "this run has one input"
        )
    if wanted not in (None, IMAGE, COLUMNS):
        raise UsageError(f"--input: {unknown('input', str(wanted), (IMAGE, COLUMNS))}")
    record = run.record
    if run.target.is_input and (error := _error_model(run)) is not None:
        columns, kind = run.reader.input_names, record["kind"]
        return Subject(
            run.path, error, _ERROR_TASK, kind, ("error",), columns, record, run, error=True
        )
    if not run.target.acts:
        run.require_predictions("explain")
    names = record["class_names"] or record["target_names"]
    spectrum = next((layer for layer in run.model.layers if isinstance(layer, LogMel)), None)
    columns = run.reader.input_names
    if spectrum is not None:
        columns = tuple(f"{frequency:.0f} Hz" for frequency in spectrum.frequencies)
    kind, taken = record["kind"], (wanted or IMAGE) if beside else ""
    if taken == COLUMNS:
        kind, columns = "table", tuple(column.name for column in beside)
    return Subject(
        run.path,
        run.model,
        record["task"],
        kind,
        tuple(map(str, names)),
        columns,
        record,
        run,
        spectrum=spectrum,
        taken=taken,
    )


def _error_model(run: OpenedRun) -> keras.Model | None:
    """Return the model from samples to their errors; None where a model reconstructs none.

    Raises:
        UsageError: the model is the mean of several.
    """
    from mlzoo.layers.sample_error import error_of, joined, largest_of

    if run.config.averaged > 1:
        raise UsageError(
            f"explain: {run.path} is the mean of {run.config.averaged} models; train one without "
            "--folds and --ensemble"
        )
    if run.target.scored:
        return largest_of(run.model)
    if not run.target.drawn:
        return error_of(run.model)
    if not hasattr(registry.load("model", run.config.model), "encode"):
        return None
    return error_of(joined(run.networks["encoder"], run.model))


def _from_file(path: Path, wanted: str | None = None) -> Subject:
    model = read_model(path)
    inputs = getattr(model, "inputs", None) or [None]
    several = as_one(model, wanted) if len(inputs) > 1 else None
    if several is None and wanted is not None:
        raise UsageError(f"--input: {path} has a single input; leave it out")
    axes = len(several.part.shape) + 1 if several else len(model.input_shape)
    shape = model.output_shape
    kind = {4: "image", 3: "sequence", 2: "table"}.get(axes, "array")
    dense = len(shape) == 4
    activation = getattr(getattr(model.layers[-1], "activation", None), "__name__", "")
    classes = activation in ("softmax", "sigmoid") or type(model.layers[-1]).__name__ == "Softmax"
    task = "segmentation" if dense else "classification" if classes else "regression"
    units = 2 if classes and shape[-1] == 1 else shape[-1]
    word = "class" if classes else "output"
    names = tuple(f"{word} {i}" for i in range(units))
    opened = several.model if several else model
    return Subject(path, opened, task, kind, names, several=several)
