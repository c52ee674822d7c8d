"""The comparison of new samples with the data of a run: have they drifted, and in what?

Held-out samples of the run stand for its data: their features, distances and facts are kept in the
run folder, so that the data themselves are not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.auditing.settings import CompareConfig
from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.quality.facts import fact_names, facts_of
from mlzoo.runs.opened import OpenedRun
from mlzoo.runs.predicting.novelty import FILE, Reference
from mlzoo.statistics.novelty.distances import nearest
from mlzoo.statistics.novelty.drift import DriftTest, drift_tests
from mlzoo.statistics.scorers import p_values

DRIFT, UNLIKE = "drift.csv", "unlike.csv"
MOST = 1000
"""New samples that are tested, at most, drawn at random."""
FEWEST = 5
_CHUNK = 1024


@dataclass(frozen=True)
class DriftFindings:
    """Findings of a comparison.

    Attributes:
        run: the run folder.
        new: what was compared with its data.
        rate: probability of a false alarm, of the batch and of each sample.
        tests: of all features and of each fact, the smallest p first.
        names: of the n new samples.
        distances: (n,) to the nearest training sample.
        unlike_p: (n,) as `Predictions.unlike_p`.
        facts: (n, c) facts of the new samples.
        known: (r, c) those of the held-out samples.
        fact_names: of the c facts.
        categories: of each fact, empty for numbers.
        tested: new samples that were tested.
        rows: the raw inputs of the new samples.
        kind: of the samples.
        maximum: of images.
        warnings: what was odd about the new samples.
    """

    run: Path
    new: str
    rate: float
    tests: list[DriftTest]
    names: list[str]
    distances: np.ndarray
    unlike_p: np.ndarray
    facts: np.ndarray
    known: np.ndarray
    fact_names: list[str]
    categories: list[tuple[str, ...]]
    tested: int
    rows: Any
    kind: str
    maximum: float | None
    warnings: tuple[str, ...]

    @property
    def drifted(self) -> list[DriftTest]:
        """Return the tests that reject at the rate."""
        return [test for test in self.tests if test.adjusted <= self.rate]

    @property
    def unlike(self) -> np.ndarray:
        """Return the positions of samples that are marked, the most unlike first."""
        order = np.argsort(-self.distances, kind="stable")
        return order[self.unlike_p[order] <= self.rate]

    def record(self) -> dict[str, Any]:
        """Return the findings for JSON."""
        return {
            "run": str(self.run),
            "new": self.new,
            "rate": self.rate,
            "drifted": bool(self.drifted),
            "samples": len(self.names),
            "tested": self.tested,
            "held_out": len(self.known),
            "tests": [asdict(test) for test in self.tests],
            "unlike": [
                {"name": self.names[i], "unlike_p": float(self.unlike_p[i])} for i in self.unlike
            ],
        }


def compare(
    run: OpenedRun, new: str, config: CompareConfig, listener: Listener | None = None
) -> DriftFindings:
    """Compare new samples with the data that a run was trained on.

    Args:
        run: of a model with one prediction a sample.
        new: path of the samples.
        config: the rate of false alarms, and the seed.
        listener: receives progress.

    Raises:
        UsageError: the run keeps no features of its samples, or the samples are too few.
        DataError: the samples do not fit what the model was trained on.
    """
    listener = listener or Listener()
    reference = run.reference if run.target.whole and not run.target.ahead else None
    if reference is None:
        raise UsageError(
            f"data compare needs {FILE}, the features that a run with one prediction a sample keeps"
            f" of its data, and {run.path} has none; train it again"
        )
    rows, names, warnings = run.read_new(new, listener)
    if len(rows) < FEWEST:
        raise UsageError(
            f"data compare tests batches of at least {FEWEST} samples and {new} has {len(rows)}; "
            "`mlzoo predict` marks single samples"
        )
    facts_known = fact_names(run.record["kind"], run.record["input_shape"], run.reader_columns)
    new_facts, whitened = measure(run, reference, rows, listener)
    distances = nearest(whitened, reference.training)[1][:, 0]
    categories = [tuple(column.categories) for column in run.reader_columns]
    categories = categories or [()] * len(facts_known)
    chosen = _drawn(len(rows), config.seed)
    tested = (new_facts[chosen], whitened[chosen])
    return DriftFindings(
        run.path,
        new,
        config.rate,
        _tests(reference, tested, facts_known, categories, config.seed),
        names,
        distances,
        p_values(distances.astype("float32"), reference.distances),
        new_facts,
        reference.facts,
        facts_known,
        categories,
        len(chosen),
        rows,
        run.record["kind"],
        run.reader.maximum,
        warnings,
    )


def measure(
    run: OpenedRun, reference: Reference, rows: Any, listener: Listener | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the facts (n, c) and the whitened features (n, q) of samples.

    Args:
        run: whose model has features.
        reference: of the run.
        rows: (n, *shape) raw inputs.
        listener: receives progress.
    """
    listener, kind = listener or Listener(), run.record["kind"]
    features, facts = [], []
    for start in range(0, len(rows), _CHUNK):
        inputs = np.asarray(rows[start : start + _CHUNK])
        features.append(run.joint_model.split(run.joint_outputs(inputs))[1])
        if reference.facts.shape[1]:
            facts.append(facts_of(inputs, kind, run.reader.maximum))
        listener.progress(min(start + _CHUNK, len(rows)), len(rows), "comparing")
    none = np.zeros((len(rows), 0), "float32")
    return (
        np.concatenate(facts) if facts else none,
        reference.whitening(np.concatenate(features)),
    )


def _drawn(count: int, seed: int) -> np.ndarray:
    if count <= MOST:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, MOST, replace=False))


def _tests(
    reference: Reference,
    new: tuple[np.ndarray, np.ndarray],
    names: Sequence[str],
    categories: Sequence[Sequence[str]],
    seed: int,
) -> list[DriftTest]:
    known = (reference.facts, reference.held_out.astype("float32"))
    return drift_tests(known, new, names, [bool(each) for each in categories], seed)


def write_tables(comparison: DriftFindings, folder: Path) -> None:
    """Write `drift.csv`, the tests, and `unlike.csv`, the samples, the most unlike first."""
    tests = [asdict(test) for test in comparison.tests]
    files.write_text(folder / DRIFT, files.csv_text(tests))
    order = np.argsort(-comparison.distances, kind="stable")
    samples = [
        {
            "name": comparison.names[i],
            "unlike": "yes" if comparison.unlike_p[i] <= comparison.rate else "no",
            "unlike_p": round(float(comparison.unlike_p[i]), 6),
        }
        for i in order
    ]
    files.write_text(folder / UNLIKE, files.csv_text(samples))


def summary(comparison: DriftFindings) -> str:
    """Return a sentence: whether the new samples have drifted, and in what."""
    n, drifted = len(comparison.names), comparison.drifted
    marked = f"{len(comparison.unlike):,} of {n:,} samples are marked as unlike the training data"
    rate = f"{comparison.rate:.0%}"
    if not drifted:
        return (
            f"No drift was found (smallest adjusted p {comparison.tests[0].adjusted:.2g}, false "
            f"alarms in {rate} of batches); {marked}, where {rate} are expected."
        )
    named = ", ".join(test.name for test in drifted[:5])
    more = f" and {len(drifted) - 5} more" if len(drifted) > 5 else ""
    return (
        f"The samples differ from the training data in {named}{more} (adjusted p at most "
        f"{drifted[-1].adjusted:.2g}); {marked}, where {rate} are expected."
    )
