"""Fits of candidates on folds, and their scores."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import time
import traceback
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import (
    DivergedError,
    Interrupted,
    ResourceError,
    UsageError,
    disk_full,
    find_disk_full,
)
from mlzoo.core.progress import Listener
from mlzoo.core.validation.consistency import check_fit
from mlzoo.data import contracts, loading
from mlzoo.data.samples import Data
from mlzoo.runs import datasets
from mlzoo.runs.folds import fold_data
from mlzoo.statistics.metrics import class_counts
from mlzoo.training import checkpoints
from mlzoo.training.building import build_model, check_task
from mlzoo.training.optimizers import adapts
from mlzoo.training.repeats import fit_network
from mlzoo.training.signals import Stop
from mlzoo.training.starting.generated_samples import refuse_in_search
from mlzoo.tuning.compiled.interface import CompiledFits, open_compiled_fits
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.results.ties import UnitScores
from mlzoo.tuning.space_from_config import candidate
from mlzoo.tuning.trials.fit import Fit
from mlzoo.tuning.trials.folds import search_folds
from mlzoo.tuning.trials.scoring import score_model, score_outputs
from mlzoo.tuning.trials.trial import FitJob, FitRecord

_DATA_FIELDS = ("drop", "size", "color", "window", "tile", "overlap", "augment")
"""Fields of the run that change how the data are read or split."""
_KEPT = 2
_SAME = 1e-2
"""Tolerance of the self-check, in standard deviations of the outputs: above the rounding error of
two epochs, and far below the effect of a bug."""
_LANES = 15


@dataclass(frozen=True)
class FitResult:
    """Result of a fit.

    Attributes:
        score: on the validation split of the fold.
        epochs: number of epochs trained.
        units: contribution of each held-out unit to the score; None where it is undefined.
        fallback: error of the compiled fit that this plain one replaces; None without one.
    """

    score: float
    epochs: int
    units: UnitScores | None = None
    fallback: str | None = None


class Evaluator:
    """Runs fits; holds the data of the search and the compiled programs.

    Args:
        plan: of the search.
        folder: folder of training states, which later trials resume from.
        listener: receives what is inferred from the data.
        stop: requests a fit to stop early.

    Raises:
        UsageError: the model does not support the task, or a setting has no effect on it.
        DataError: the data can't be read or split.
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
        check_fit(plan.run, task, self.data.samples.reader.depth)
        _check_folds(plan, self.data)
        refuse_in_search(plan.run)
        for note in self.data.notes:
            listener.note(note)
        for warning in self.data.warnings:
            listener.warn(warning)
        judged = contracts.task(task)
        samples = self.data.samples
        usual = judged.judged_by(class_counts(samples), len(samples.target_names)).name
        known = [*judged.metrics, *map(registry.stem, plan.run.metrics)]
        known = [name for name in known if registry.constants("metric", name).get("DIRECTION")]
        self.metric = plan.search.metric or usual
        if self.metric not in known:
            raise UsageError(f"--metric {self.metric}: choose one of {', '.join(known)}")
        self._folds(plan.run)
        self.fast: CompiledFits | None = None
        if plan.search.fast == "auto" and not registry.build_function(plan.run.model):
            self.fast = open_compiled_fits(plan.space, lanes(plan))

    def fit(self, job: FitJob) -> FitRecord:
        """Run one fit: `fit_all` of a single job."""
        return self.fit_all([job])[0]

    def fit_all(self, jobs: Sequence[FitJob]) -> list[FitRecord]:
        """Run the fits of one group at once; an error in a fit becomes part of its record.

        Returns:
            The journal's record of each.

        Raises:
            Interrupted: a signal came.
        """
        began, cpu = time.perf_counter(), time.process_time()
        endings = self._endings(jobs)
        seconds = (time.perf_counter() - began) / len(jobs)
        cpu = (time.process_time() - cpu) / len(jobs)
        pairs = zip(jobs, endings, strict=True)
        return [self._record(job, ending, seconds, cpu) for job, ending in pairs]

    def group(self, job: FitJob) -> str | None:
        """Return a key, equal for jobs that can run at once; None for one that runs alone."""
        if self.fast is None:
            return None
        try:
            return self.fast.group(self._prepared(job))
        except Exception:  # a candidate that can't be built becomes a failed trial
            return None

    def compile_ahead(self, jobs: Sequence[FitJob]) -> None:
        """Compile the programs of coming jobs in a thread while others run."""
        for job in jobs:
            # A candidate that can't be built becomes a failed trial.
            with contextlib.suppress(Exception):
                alike = self._key(run_of(self.plan, job)) == self._key(self.plan.run)
                if self.fast is None or not alike:
                    return
                if not self.fast.compile_ahead(self._prepared(job)):
                    return

    def close(self) -> None:
        """Stop compiling ahead."""
        if self.fast is not None:
            self.fast.close()

    def _record(
        self, job: FitJob, ending: FitResult | Exception, seconds: float, cpu: float
    ) -> FitRecord:
        outcome = ending if isinstance(ending, FitResult) else None
        error, trace = None, None
        if isinstance(ending, Exception):
            error = _described(ending)
            if not isinstance(ending, DivergedError):
                trace = "".join(traceback.format_exception(ending))
        elif not np.isfinite(ending.score):
            error = f"the score {self.metric} is {ending.score}"
        record: FitRecord = {
            "kind": "fit",
            "trial": job.trial,
            "fold": job.fold,
            "repeat": job.repeat,
            "score": outcome.score if outcome and error is None else None,
            "epochs": outcome.epochs if outcome else 0,
            "seconds": round(seconds, 4),
            "cpu": round(cpu, 4),
            "error": error,
            "traceback": trace,
            "paired": outcome.units.record() if outcome and outcome.units and not error else None,
        }
        if outcome and outcome.fallback:
            record["fallback"] = outcome.fallback
        return record

    def check_fast(self, job: FitJob) -> str | None:
        """Check the shared program against the plain code on a short fit of a job.

        If they differ, all further fits use the plain code.

        Returns:
            The result as a sentence; None with `--fast off`.
        """
        if self.fast is None:
            return None
        fit = self._prepared(job)
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

    def _endings(self, jobs: Sequence[FitJob]) -> list[FitResult | Exception]:
        if len(jobs) > 1:
            try:
                return self._together([self._prepared(job) for job in jobs])
            except Exception:  # it may concern one fit or all of them: run each alone
                pass
        return [self._ending(job) for job in jobs]

    def _ending(self, job: FitJob) -> FitResult | Exception:
        try:
            return self._fit(job)
        except Interrupted:
            raise
        except Exception as caught:
            full = find_disk_full(caught)
            if full is not None:  # all other fits would fail too
                raise ResourceError(disk_full(full)) from caught
            return caught

    def _fit(self, job: FitJob) -> FitResult:
        fit = self._prepared(job)
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

    def _fit_compiled(self, fit: Fit) -> tuple[FitResult | Exception | None, str | None]:
        """Run a fit by a shared program; return its result or the reason of a failure, if any."""
        if self.fast is None:
            return None, None
        try:
            shared = self.fast.obstacle(fit) is None
            return (self._together([fit])[0] if shared else None), None
        except Interrupted:
            raise
        except Exception as caught:  # the plain code shows whether the fit itself is the cause
            return None, _described(caught).splitlines()[0][:200]

    def _together(self, fits: Sequence[Fit]) -> list[FitResult | Exception]:
        """Run fits by one program; a score that can't be computed is a failure of its fit."""
        assert self.fast is not None
        results: list[FitResult | Exception] = []
        for fit, ending in zip(fits, self.fast.fit(fits), strict=True):
            if isinstance(ending, Exception):
                results.append(ending)
                continue
            try:
                outputs, epochs = ending
                scored = score_outputs(outputs, fit.data, self.metric, fit.config.metrics)
                results.append(FitResult(scored[0], epochs, scored[1]))
            except DivergedError as caught:
                results.append(caught)
        return results

    def _prepared(self, job: FitJob) -> Fit:
        """Return the specification of the fit of a job."""
        config = run_of(self.plan, job)
        check_fit(config, self.data.samples.task, self.data.samples.reader.depth)
        seed = fit_seed(self.plan.run.seed, job.fold, job.repeat)
        before, keep = None, None
        if job.continues is not None:
            before = self.state_folder(job.continues, job.fold, job.repeat)
        if job.epochs is not None and not job.final:
            keep = self.state_folder(job.trial, job.fold, job.repeat)
        return Fit(config, self._folds(config), job.fold, seed, before, keep)

    def state_folder(self, trial: int, fold: int, repeat: int) -> Path:
        """Return the folder of the state that the training of a fit is resumed from.

        Args:
            trial: number of the trial.
            fold: index of the fold.
            repeat: index of the repeat.
        """
        return self.folder / "states" / f"{trial}-{fold}-{repeat}"

    def _folds(self, config: RunConfig) -> list[Data]:
        """Return the data of each fold, cached for candidates that read the same data."""
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
        """Return a key, equal for candidates that read the same data."""
        return tuple(str(getattr(config, name)) for name in _DATA_FIELDS)

    def _load(self, config: RunConfig, listener: Listener) -> Data:
        samples = loading.read(config, listener.progress)
        return datasets.arrange(samples, config, config.seed)


def _check_folds(plan: Plan, data: Data) -> None:
    """Raise UsageError where folds are asked for and nothing is given that could be folded."""
    if data.samples.target.draws_training and (plan.search.folds > 1 or plan.search.nested):
        raise UsageError(
            f"{plan.run.model} draws what it is trained on anew, so that there are no folds of it; "
            "leave out --folds and --nested, and use --repeats for several seeds"
        )


def lanes(plan: Plan) -> int:
    """Return the number of fits that a vectorized program runs at once, from the plan alone.

    All fits of a trial; those of several trials if proposals don't depend on scores.
    """
    if keras.backend.backend() != "jax":
        return 1
    several = max(_LANES // plan.fits, 1) if plan.ahead >= 10**9 else 1
    return min(several * plan.fits, 2 * _LANES)


def run_of(plan: Plan, job: FitJob) -> RunConfig:
    """Return the run of a fit: that of the candidate, scored at the end of its training.

    Raises:
        UsageError: the candidate's values do not go together.
    """
    config = candidate(plan.run, job.values)
    overrides: dict[str, object] = {"keep": "last", "checkpoint_every": 1e9}
    if job.epochs is not None:
        overrides["epochs"] = job.epochs
    if job.final:
        overrides |= {"early_stopping": 0}
        overrides |= {"monitor": "loss"} if adapts(config) else {}
    return config.model_copy(update=overrides)


def fit_seed(seed: int, fold: int, repeat: int) -> int:
    """Return the seed of a fit, for initial weights and order of the samples.

    All candidates get the same seed on a fold, so that they can be compared without its noise.

    Args:
        seed: of the run.
        fold: index of the fold.
        repeat: index of the repeat.
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
) -> FitResult:
    """Run a fit by the code of `mlzoo train`.

    Args:
        config: of the candidate.
        data: of the fold.
        seed: decides initial weights and order of the samples.
        metric: name of the score.
        stop: requests to stop early.
        before: folder of the state to resume from.
        keep: folder to save the state in.
    """
    with tempfile.TemporaryDirectory(prefix="mlzoo-") as scratch:
        folder = Path(scratch) / "states"
        if before is not None and checkpoints.usable(before):
            shutil.copytree(before, folder)
        model = build_model(config, data, seed)
        fitted = fit_network(model, data, config, folder, seed, Listener(), stop)
        if keep is not None and folder.is_dir():
            shutil.rmtree(keep, ignore_errors=True)
            keep.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(folder, keep)
    score, unit_scores = score_model(model, data, metric, config.metrics)
    return FitResult(score, len(fitted.history), unit_scores)


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip() or 'no message'}"
