"""The Python interface: train, tune, load, from_weights, and what can be done with a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core import files, registry
from mlzoo.core.errors import UsageError
from mlzoo.core.files import expand
from mlzoo.core.progress import Listener
from mlzoo.data.objects.store import check_same
from mlzoo.notebooks.progress import listener_for
from mlzoo.runs import devices, run_folder
from mlzoo.runs.config_loading import merge
from mlzoo.runs.opened import OpenedRun

if TYPE_CHECKING:
    from mlzoo.data.contracts import SplitScores
    from mlzoo.explaining.explain_run import ExplanationResult
    from mlzoo.reporting.run_plots import RunPlots
    from mlzoo.training.reproducing import Reproduction
    from mlzoo.tuning.results.search_result import SearchResult
    from mlzoo.tuning.search import SearchListener


class Run(OpenedRun):
    """A finished run: predict, evaluate, explain, plot, and read its record."""

    @property
    def plot(self) -> RunPlots:
        """Plots on axes of matplotlib, as `run.plot.confusion()`."""
        from mlzoo.reporting.run_plots import RunPlots

        return RunPlots(self)

    def _repr_html_(self) -> str:
        from mlzoo.notebooks.html import card, shown, table

        title = f"{self.path.name}: {self.record['task']} on {self.record['kind']}s"
        test, headline = self.metrics["test"], self.metrics["headline"]
        name, value = headline["name"], headline["value"]
        if value is None and self.config.unscored:
            return card(title, ["no scores: there was no test split", str(self.path)])
        ends = headline["interval"]
        interval = f" ({shown(ends[0])} to {shown(ends[1])})" if ends else ""
        score = f"test {name} {shown(value)}{interval} over {test['samples']:,} samples"
        verdict = test.get("verdict") or ""
        baselines = [
            {"baseline": each, name: scores.get(name)}
            for each, scores in test.get("baselines", {}).items()
        ]
        lines = [score] if value is not None else []
        lines += [f"against the best baseline: {verdict}"] if verdict else []
        return card(title, [*lines, str(self.path)], [table(baselines)])

    def evaluate(
        self,
        data: Any = None,
        part: str = "test",
        listener: Listener | None = None,
        tolerance: float | None = None,
    ) -> SplitScores:
        """Score the model again: on a part of its own data, or on all samples of other data.

        Its own data are read, split as `split.json` says, and must not have changed; the scores
        then equal those of `metrics.json`.

        Args:
            data: new data with targets, as `mlzoo.train` takes them; by default the run's own.
            part: the split of its own data: `train`, `valid` or `test`.
            listener: hears of progress.
            tolerance: distance in pixels within which the pixels of masks also count as right; by
                default that of the run.

        Returns:
            The scores, as `metrics.json` holds them under `test`.

        Raises:
            DataError: the run's data have changed or are gone, or the new ones do not fit.
        """
        from mlzoo.evaluating.evaluate_run import evaluate_run

        path = None if data is None else _path_of(data)
        return evaluate_run(self, path, part, listener, tolerance)

    def explain(
        self,
        x: Any = None,
        method: str | Sequence[str] = "auto",
        *,
        listener: Listener | None = None,
        **settings: Any,
    ) -> ExplanationResult:
        """Explain what the model says of samples; prints and writes nothing.

            result = run.explain(x, method="scorecam", target="cat")
            result.maps["scorecam"]["sample 0"]  # (height, width), signed
            result.explained.explanations[0].scores  # its evidence

        Args:
            x: raw inputs (n, *shape), or a file or folder's path; by default some of the run's own
                test split, the most confident mistakes among them.
            method: explainers (`mlzoo explainers`), in a list or comma-separated; `auto`: one
                that fits the data and the model; `all`: every one that fits.
            listener: hears of progress.
            **settings: other fields of `mlzoo.explaining.settings.ExplainConfig`: `target`,
                `against`, `limit` (not for arrays, which are explained whole), `sanity`, ...;
                `set={"samples": 50}` sets what the method has. `evidence=False` is faster.

        Returns:
            The maps, their scores and the record; `mlzoo.explain` writes them to a folder.

        Raises:
            UsageError: an unknown method or setting, or Keras does not run on TensorFlow.
            DataError: the samples do not fit what the model was trained on.
        """
        from mlzoo.explaining.explain_run import explain_samples

        return explain_samples(self, x, listener, method=method, **settings)


def load(path: str | Path, trust: bool = False, tta: str = "none", *, data: Any = None) -> Run:
    """Open a finished run folder.

    Args:
        path: the run folder.
        trust: run Python code that the folder holds or names: its `model.py`, and files that its
            `config.yaml` names as plug-ins. Without it none is run.
        tta: test-time augmentation; `flips` averages what the model says of an image turned and
            mirrored, masks turned back.
        data: the object of Python code that it was trained on, to read its own samples again.

    Raises:
        UsageError: there is no finished run at the path, it has no images to flip, or it was
            trained on other data.
    """
    run = Run(run_folder.find(path), trust, tta)
    _hand_over(run.path, data)
    return run


def train(
    model: str,
    data: Any,
    *,
    config: str | Path | None = None,
    overwrite: bool = False,
    allow_unused: bool = False,
    trust: bool = False,
    callbacks: Sequence[Any] = (),
    listener: Listener | None = None,
    **settings: Any,
) -> Run:
    """Train, evaluate and write a run folder; the same as `mlzoo train`.

    Args:
        model: a model plug-in's name, the path of a plug-in file, or `auto`, which tries the
            families that fit the data and returns the best.
        data: a file, a folder, or the name of a data set; or an object: a DataFrame (or what has
            `to_pandas`), whose target is named by `target` or stands last; (x, y), with x an
            array (n, *shape), a DataFrame, or a list of images or of their paths; or a
            dictionary of arrays called as in an .npz file. The run folder records the object's
            SHA-256, not the object: `load` and `resume` take it again.
        config: a YAML file of settings; those given here win.
        overwrite: replace a run of the same name.
        allow_unused: accept settings that nothing reads.
        trust: run Python files that `config`, or the run of `augment="generated:RUN"`, names; one
            that is named here as `model` or `source` is trusted anyway.
        callbacks: Keras callbacks, for training in batches. The run folder does not hold them:
            `resume` takes them again, and calls them from their beginning.
        listener: hears of progress; in a notebook it is shown below the cell by default.
        **settings: fields of `RunConfig`, `set={...}` for those of the model.

    Returns:
        The finished run, opened.

    Raises:
        MlzooError: what went wrong and what to do; see `mlzoo.core.errors`.
        Interrupted: SIGINT or SIGTERM came; like KeyboardInterrupt, it is no Exception.
    """
    from mlzoo.training.train import train_merged

    flags = {"model": model, "data": _path_of(data, settings.get("file_column")), **settings}
    file = Path(config) if config else None
    if model == registry.AUTO_MODEL:
        from mlzoo.tuning.families.auto import train_auto

        with _called_back(callbacks):
            chosen = train_auto(
                flags,
                file,
                overwrite=overwrite,
                listener=listener_for(listener),
                allow_unused=allow_unused,
                trust=trust,
            )
        return _facade(chosen)
    merged = merge(flags, file, allow_unused=allow_unused, trust=trust)
    with _called_back(callbacks):
        return _facade(train_merged(merged, overwrite=overwrite, listener=listener_for(listener)))


def from_weights(
    path: str | Path,
    data: Any = None,
    *,
    out: str = "saved_models",
    name: str | None = None,
    listener: Listener | None = None,
    **settings: Any,
) -> Run:
    """Make a run of weights that are given by hand; nothing is trained.

    Args:
        path: a YAML or JSON file; see `mlzoo.runs.given_weights.file.read_weights`.
        data: as of `train`: the network is scored on these, as by `mlzoo train fixed DATA
            --weights FILE`; without any the run predicts but has no scores.
        out: folder of the run folder.
        name: of the run folder.
        listener: hears of progress; in a notebook it is shown below the cell by default.
        **settings: with data, other fields of `RunConfig`.

    Returns:
        The finished run, opened.

    Raises:
        UsageError: the file is wrong or does not fit the data, or the name is taken.
    """
    from mlzoo.runs.given_weights import file, folder

    if data is None:
        if settings:
            raise UsageError(f"{min(settings)}: has no effect without data")
        return _facade(folder.write_run(path, out, name))
    chosen = file.settings_of(file.read_weights(path))
    given = {"calibrate": "none", **settings, "out": out, "name": name, "set": chosen}
    return train(file.MODEL, data, listener=listener, **given)


def resume(
    path: str | Path,
    *,
    data: Any = None,
    epochs: int | None = None,
    devices: str | None = None,
    trust: bool = False,
    callbacks: Sequence[Any] = (),
    listener: Listener | None = None,
) -> Run:
    """Go on with an unfinished run, exactly where its newest checkpoint is.

    Args:
        path: the run folder, with or without `.partial`.
        data: the object of Python code that it is trained on, where it is one.
        epochs: train up to this many epochs instead; must not be fewer than were trained.
        devices: those that share each batch from here on, as in `train`.
        trust: run Python files that its `config.yaml` names; without it none is run.
        callbacks: Keras callbacks, as of `train`; what they noted before is in no checkpoint.
        listener: hears of progress; in a notebook it is shown below the cell by default.

    Raises:
        UsageError: there is no unfinished run, another process is training it, its configuration
            names code and `trust` is not set, or something has changed that would change the
            weights: data, backend, versions, plug-in.
        DataError: the data can't be read, or every checkpoint is damaged.
    """
    from mlzoo.training import train as training

    _hand_over(run_folder.current(expand(path)), data)
    with _called_back(callbacks):
        run = training.resume(
            path, epochs=epochs, on=devices, trust=trust, listener=listener_for(listener)
        )
    return _facade(run)


def reproduce(
    path: str | Path,
    *,
    data: Any = None,
    trust: bool = False,
    listener: Listener | None = None,
) -> Reproduction:
    """Train a run again in a temporary folder and compare; the same as `mlzoo reproduce`.

    Args:
        path: the run folder.
        data: the object of Python code that it was trained on, where it is one.
        trust: run Python files that its `config.yaml` names; without it none is run.
        listener: hears of progress; in a notebook it is shown below the cell by default.

    Returns:
        What `mlzoo.training.reproducing.reproduce` returns, `reproduced` among it.
    """
    from mlzoo.training import reproducing

    _hand_over(run_folder.find(path), data)
    return reproducing.reproduce(path, listener_for(listener), trust=trust)


def tune(
    model: str,
    data: str,
    *,
    vary: Sequence[str] = (),
    space: str | Path | None = None,
    config: str | Path | None = None,
    overwrite: bool = False,
    final: bool = True,
    trust: bool = False,
    listener: SearchListener | None = None,
    search: Mapping[str, object] | None = None,
    **settings: Any,
) -> SearchResult:
    """Search the settings of a model; the same as `mlzoo tune`.

    Args:
        model: a model plug-in's name, the path of a plug-in file, or `FILE.py:FUNCTION`, a
            keras-tuner build function.
        data: a file, a folder, or the name of a data set.
        vary: dimensions, as `name=low..high`, `name=log:low..high` or `name=a,b,c`.
        space: a YAML file of dimensions.
        config: a YAML file of settings; those given here win.
        overwrite: throw a search of the same name away.
        final: train the winner again, on training and validation splits, and test it.
        trust: run Python files that `config` names; one that is named here as `model` or `source`
            is trusted anyway.
        listener: hears of progress; in a notebook it is shown below the cell by default.
        search: fields of `TuneConfig`: strategy, trials, folds, budget, workers, ...
        **settings: fields of `RunConfig`.

    Returns:
        The finished search.

    Raises:
        MlzooError: what went wrong and what to do; see `mlzoo.core.errors`.
        Interrupted: SIGINT or SIGTERM came; like KeyboardInterrupt, it is no Exception.
    """
    from mlzoo.tuning.tune import make_plan, run_plan

    flags = {"model": model, "data": data, **settings}
    if registry.build_function(model):
        devices.prepare(settings.get("device", "auto"))  # before the file imports Keras
    merged = merge(flags, Path(config) if config else None, trust=trust)
    plan = make_plan(merged, list(vary), Path(space) if space else None, search or {})
    hears = listener_for(listener)
    result = run_plan(plan, merged, overwrite=overwrite, final=final, listener=hears)
    return replace(result, run=None if result.run is None else _facade(result.run))


def _path_of(data: Any, file_column: str | None = None) -> str:
    """Return what stands for data in a configuration: a path, or the reference of an object."""
    if isinstance(data, str | Path):
        return str(data)  # NumPy and pandas are not needed yet
    from mlzoo.data.objects.conversion import as_path

    return as_path(data, file_column)


def _called_back(callbacks: Sequence[Any]) -> AbstractContextManager[None]:
    """Return a context in which trainings call Keras callbacks; without any Keras is not loaded."""
    if not callbacks:
        return nullcontext()
    from mlzoo.training.hooks.callbacks import handed_over

    return handed_over(callbacks)


def _hand_over(run: Path, data: Any) -> None:
    """Keep the object that a run was trained on, so that its samples can be read again.

    Raises:
        UsageError: the run was trained on other data.
    """
    if data is None:
        return
    config = files.read_mapping(run / "config.yaml", ("data",))
    check_same(str(config["data"]), _path_of(data, config.get("file_column")))


def _facade(run: OpenedRun) -> Run:
    """Return what a verb has opened as users get it."""
    return Run(run.path, run.trust)
