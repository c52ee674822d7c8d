"""One fit of one candidate on one fold, and its score."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import time
import traceback
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig, check_fit
from mlzoo.core.errors import DivergedError, Interrupted, ResourceError, UsageError, find_disk_full
from mlzoo.core.files import disk_full
from mlzoo.core.progress import Listener
from mlzoo.data import contracts, loading
from mlzoo.data.samples import Data
from mlzoo.evaluating.evaluate import evaluate
from mlzoo.runs import datasets
from mlzoo.runs.models import outputs_of
from mlzoo.statistics.metrics import (
    MODES,
    class_counts,
    number,
)
from mlzoo.statistics.scorers import Scorer
from mlzoo.tasks._samples import sample_task
from mlzoo.training import checkpoints, full_batch
from mlzoo.training.building import build_model, check_task
from mlzoo.training.loop.training import Training
from mlzoo.training.optimizers import adapts
from mlzoo.training.signals import Stop
from mlzoo.tuning.compiled.interface import CompiledFits, open_compiled_fits
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.results.ties import UnitScores, unit_scores
from mlzoo.tuning.space_from_config import candidate
from mlzoo.tuning.trials.fit import Fit
from mlzoo.tuning.trials.folds import fold_data, search_folds
from mlzoo.tuning.trials.trial import Unit

_DATA_FIELDS = ("drop", "size", "color", "window", "tile", "overlap", "augment")
"""Fields that may be varied and that change what is read or how it is arranged."""
_KEPT = 2
_SAME = 1e-2
"""Of the outputs' spread: more than rounding makes in two epochs, far less than a mistake."""
_LANES = 15


@dataclass(frozen=True)
class Outcome:
    """A finished fit.

    Attributes:
        score: on the fold's validation part.
        epochs: that it took.
        units: what each held-out sample adds to the score; None where that is not defined.
        fallback: why the compiled fit failed that this plain one took the place of.
    """

    score: float
    epochs: int
    units: UnitScores | None = None
    fallback: str | None = None


class Evaluator:
    """Does fits. It holds the data of the search, and what fits can share.

    Args:
        plan: the search.
        folder: where states are kept that later trials go on from.
        listener: hears of what reading the data infers.
        stop: asks a fit to end early.

    Raises:
        UsageError: the model is not for the task, or a setting is without effect on it.
        DataError: the data can't be read or shared out.
    """

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        listener: Listener | None = None,
        stop: Stop | None = None,
    ) -> None:
        self.plan, self.folder, self.stop = plan, folder, stop or Stop()
        self._read: OrderedDict[tuple[Any, ...], list[Data]] = OrderedDict()
        listener = listener or Listener()
        self.data = self._load(plan.run, listener)
        task = self.data.samples.task
        check_task(plan.run.model, task)
        check_fit(plan.run, task)
        for note in self.data.notes:
            listener.note(note)
        for warning in self.data.warnings:
            listener.warn(warning)
        judged = contracts.task(task)
        usual = judged.judged_by(class_counts(self.data.samples)).name
        self.metric, known = plan.search.metric or usual, judged.metrics
        if self.metric not in known:
            raise UsageError(f"--metric {self.metric}: choose one of {', '.join(known)}")
        self._folds(plan.run)
        self.fast: CompiledFits | None = None
        if plan.search.fast == "auto" and not registry.build_function(plan.run.model):
            self.fast = open_compiled_fits(plan.space, lanes(plan))

    def fit(self, unit: Unit) -> dict[str, Any]:
        """Do one fit: `fit_all` of a single unit."""
        return self.fit_all([unit])[0]

    def fit_all(self, units: Sequence[Unit]) -> list[dict[str, Any]]:
        """Do fits of one group, together. Whatever goes wrong in one is an outcome too.

        Returns:
            The journal's record of each: `trial`, `fold`, `repeat`, `score` (None where it
            failed), `epochs`, `seconds` and `cpu` (its share), `error` (None, or what went
            wrong) with its `traceback`, and `paired` (`UnitScores.record`, or None); `fallback`
            where a compiled fit failed and a plain one took its place.

        Raises:
            Interrupted: a signal came.
        """
        began, cpu = time.perf_counter(), time.process_time()
        endings = self._endings(units)
        seconds = (time.perf_counter() - began) / len(units)
        cpu = (time.process_time() - cpu) / len(units)
        pairs = zip(units, endings, strict=True)
        return [self._record(unit, ending, seconds, cpu) for unit, ending in pairs]

    def group(self, unit: Unit) -> str | None:
        """Equal for units that can be done together; None where one is done alone."""
        if self.fast is None:
            return None
        try:
            return self.fast.group(self._prepared(unit))
        except Exception:  # a candidate that can't be built is an outcome of its own
            return None

    def compile_ahead(self, units: Sequence[Unit]) -> None:
        """Have the programs of coming units compiled by a thread while others run."""
        for unit in units:
            # A candidate that can't be built is an outcome of the search.
            with contextlib.suppress(Exception):
                alike = self._key(run_of(self.plan, unit)) == self._key(self.plan.run)
                if self.fast is None or not alike:
                    return
                if not self.fast.compile_ahead(self._prepared(unit)):
                    return

    def close(self) -> None:
        """End what `compile_ahead` began."""
        if self.fast is not None:
            self.fast.close()

    def _record(
        self, unit: Unit, ending: Outcome | Exception, seconds: float, cpu: float
    ) -> dict[str, Any]:
        outcome = ending if isinstance(ending, Outcome) else None
        error, trace = None, None
        if isinstance(ending, Exception):
            error = _described(ending)
            if not isinstance(ending, DivergedError):
                trace = "".join(traceback.format_exception(ending))
        elif not np.isfinite(ending.score):
            error = f"the score {self.metric} is {ending.score}"
        return {
            "kind": "fit",
            "trial": unit.trial,
            "fold": unit.fold,
            "repeat": unit.repeat,
            "score": outcome.score if outcome and error is None else None,
            "epochs": outcome.epochs if outcome else 0,
            "seconds": round(seconds, 4),
            "cpu": round(cpu, 4),
            "error": error,
            "traceback": trace,
            "paired": outcome.units.record() if outcome and outcome.units and not error else None,
            **({"fallback": outcome.fallback} if outcome and outcome.fallback else {}),
        }

    def check_fast(self, unit: Unit) -> str | None:
        """Prove the shared program equal to the plain code on a short fit of a unit.

        Where it is not, every fit is done by the plain code from here on.

        Returns:
            What was found, as a sentence; None with `--fast off`.
        """
        if self.fast is None:
            return None
        fit = self._prepared(unit)
        if (why := self.fast.obstacle(fit)) is not None:
            return f"each fit is built anew, as `mlzoo train` does it ({why})"
        apart = self.fast.check(fit)
        if apart <= _SAME:
            return (
                f"compiled fits: equal to plain ones within {apart:.1g} of the outputs' spread "
                "(--fast)"
            )
        self.fast.close()
        self.fast = None
        return (
            f"compiled fits differ from plain ones by {apart:.2g} of the outputs' spread, so "
            "each fit is built anew (--fast off)"
        )

    def _endings(self, units: Sequence[Unit]) -> list[Outcome | Exception]:
        if len(units) > 1:
            try:
                return self._together([self._prepared(unit) for unit in units])
            except Exception:  # that of one, or of all: each alone tells
                pass
        return [self._ending(unit) for unit in units]

    def _ending(self, unit: Unit) -> Outcome | Exception:
        try:
            return self._fit(unit)
        except Interrupted:
            raise
        except Exception as caught:
            full = find_disk_full(caught)
            if full is not None:  # no other fit could be written either
                raise ResourceError(disk_full(full)) from caught
            return caught

    def _fit(self, unit: Unit) -> Outcome:
        fit = self._prepared(unit)
        ending, failure = self._fit_compiled(fit)
        if isinstance(ending, Exception):
            raise ending
        if ending is not None:
            return ending
        if self.fast is not None:
            self.fast.settle()
        metric, stop = self.metric, self.stop
        outcome = fit_plainly(fit.config, fit.data, fit.seed, metric, stop, fit.before, fit.keep)
        return replace(outcome, fallback=failure)

    def _fit_compiled(self, fit: Fit) -> tuple[Outcome | Exception | None, str | None]:
        """A fit by a shared program, or why that failed; neither where none suits it."""
        if self.fast is None:
            return None, None
        try:
            shared = self.fast.obstacle(fit) is None
            return (self._together([fit])[0] if shared else None), None
        except Interrupted:
            raise
        except Exception as caught:  # whatever it is: the plain code tells whether it is the fit's
            return None, _described(caught).splitlines()[0][:200]

    def _together(self, fits: Sequence[Fit]) -> list[Outcome | Exception]:
        """Fits by one program; a score that can't be computed is the fit's own failure."""
        assert self.fast is not None
        found: list[Outcome | Exception] = []
        for fit, ending in zip(fits, self.fast.fit(fits), strict=True):
            if isinstance(ending, Exception):
                found.append(ending)
                continue
            try:
                outputs, epochs = ending
                scored = score_outputs(outputs, fit.data, self.metric)
                found.append(Outcome(scored[0], epochs, scored[1]))
            except DivergedError as caught:
                found.append(caught)
        return found

    def _prepared(self, unit: Unit) -> Fit:
        """A unit's configuration, data, seed and states."""
        config = run_of(self.plan, unit)
        check_fit(config, self.data.samples.task)
        seed = fit_seed(self.plan.run.seed, unit.fold, unit.repeat)
        before, keep = None, None
        if unit.continues is not None:
            before = self.state_folder(unit.continues, unit.fold, unit.repeat)
        if unit.epochs is not None and not unit.final:
            keep = self.state_folder(unit.trial, unit.fold, unit.repeat)
        return Fit(config, self._folds(config), unit.fold, seed, before, keep)

    def state_folder(self, trial: int, fold: int, repeat: int) -> Path:
        """Where the state is kept that the training of a fit goes on from."""
        return self.folder / "states" / f"{trial}-{fold}-{repeat}"

    def _folds(self, config: RunConfig) -> list[Data]:
        """The data of each fold, for candidates that read the data alike."""
        key = self._key(config)
        if key not in self._read:
            data = self.data if key == self._key(self.plan.run) else self._load(config, Listener())
            search = self.plan.search
            folds = search_folds(data, config, search.folds, search.nested)
            self._read[key] = [fold_data(data, fold) for fold in folds]
            while len(self._read) > _KEPT:
                self._read.popitem(last=False)
        self._read.move_to_end(key)
        return self._read[key]

    def _key(self, config: RunConfig) -> tuple[str, ...]:
        """Equal for candidates that read the data alike."""
        return tuple(str(getattr(config, name)) for name in _DATA_FIELDS)

    def _load(self, config: RunConfig, listener: Listener) -> Data:
        samples = loading.read(config, listener.progress)
        return datasets.arrange(samples, config, config.seed)


def lanes(plan: Plan) -> int:
    """Fits that a vectorised program does at once: a number that only the plan decides.

    All fits of a trial; of several trials where proposals don't wait for outcomes.
    """
    if keras.backend.backend() != "jax":
        return 1
    several = max(_LANES // plan.fits, 1) if plan.ahead >= 10**9 else 1
    return min(several * plan.fits, 2 * _LANES)


def run_of(plan: Plan, unit: Unit) -> RunConfig:
    """The run of one fit: the candidate's, scored at the end of its training.

    Raises:
        UsageError: the candidate's values do not go together.
    """
    config = candidate(plan.run, unit.values)
    own: dict[str, Any] = {"keep": "last", "checkpoint_every": 1e9}
    if unit.epochs is not None:
        own["epochs"] = unit.epochs
    if unit.final:
        own |= {"early_stopping": 0}
        own |= {"monitor": "loss"} if adapts(config) else {}
    return config.model_copy(update=own)


def fit_seed(seed: int, fold: int, repeat: int) -> int:
    """The seed of a fit: first weights and order of the samples.

    All candidates get the same one on a fold, so that what differs between them is not luck.
    """
    text = f"{seed} {fold} {repeat}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def fit_plainly(
    config: RunConfig,
    data: Data,
    seed: int,
    metric: str,
    stop: Stop,
    before: Path | None = None,
    keep: Path | None = None,
) -> Outcome:
    """A fit by the same code that `mlzoo train` runs."""
    with tempfile.TemporaryDirectory(prefix="mlzoo-") as scratch:
        folder = Path(scratch) / "states"
        if before is not None and checkpoints.usable(before):
            shutil.copytree(before, folder)
        model = build_model(config, data, seed)
        if config.full_batch:
            fitted = full_batch.fit(model, data, config, Listener(), stop)
        else:
            fitted = Training(model, data, config, folder, seed, Listener(), stop).fit()
        if keep is not None and folder.is_dir():
            shutil.rmtree(keep, ignore_errors=True)
            keep.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(folder, keep)
    scored, units = score_model(model, data, metric)
    return Outcome(scored, len(fitted.history), units)


def score_model(model: keras.Model, data: Data, metric: str) -> tuple[float, UnitScores | None]:
    """Return a model's score on the validation part of a fold, and what each sample adds to it."""
    if data.samples.target.per == "sample":
        rows = data.valid
        parts = [
            outputs_of(model, rows.inputs(slice(start, start + 4096)))
            for start in range(0, len(rows), 4096)
        ]
        return score_outputs(np.concatenate(parts), data, metric)
    found, outcome = evaluate(
        lambda inputs: outputs_of(model, inputs), data, "valid", baselines="none"
    )
    metrics = found["metrics"]
    return _pick(metrics, metric, data.samples.task), _units(outcome.scorers(), metric, data)


def score_outputs(outputs: np.ndarray, data: Data, metric: str) -> tuple[float, UnitScores | None]:
    """Return the score of a model's outputs (n, units) for the validation part of a fold.

    Returns:
        The score, and what each sample adds to it.

    Raises:
        DivergedError: outputs are NaN or infinite.
        UsageError: the task has no such metric.
    """
    if not np.isfinite(outputs).all():
        raise DivergedError("the outputs became NaN or infinite")
    task, targets = sample_task(data.samples.task), data.valid.targets
    known = task.scorers(targets, task.as_predictions(outputs, targets))
    _check_metric(known, metric, task.name)
    value = number(known[metric](np.ones((1, len(targets))))[0])
    return float("nan") if value is None else value, _units(known, metric, data)


def _units(known: dict[str, Scorer], metric: str, data: Data) -> UnitScores | None:
    return unit_scores(known[metric], data.valid) if metric in known else None


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip() or 'no message'}"


def _pick(found: dict[str, Any], metric: str, task: str) -> float:
    _check_metric(found, metric, task)
    return float("nan") if found[metric] is None else float(found[metric])


def _check_metric(known: Iterable[str], metric: str, task: str) -> None:
    if metric not in known:
        others = ", ".join(name for name in known if name in MODES)
        raise UsageError(f"--metric {metric} is none of {task}; choose one of {others}")
