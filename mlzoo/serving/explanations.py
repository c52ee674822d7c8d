"""Explanations of single samples for the page, bounded in time."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.explaining.explain import Batch, choose_methods, explain_batch
from mlzoo.explaining.settings import configure, method_settings
from mlzoo.explaining.subjects import subject_of
from mlzoo.explaining.targets import resolve_targets
from mlzoo.introspection.probe import Probe
from mlzoo.serving.batches import Served


class TooSlowError(Exception):
    """An explanation takes longer than it may."""


class _BoundedProbe(Probe):
    """A model that is opened beside requests: it is held for one call at a time, until a deadline.

    Args:
        run: whose model it is.
        x: inputs (1, *shape).
    """

    deadline = math.inf
    """Time (`time.monotonic`) after which no call begins."""

    def __init__(self, run: Served, x: np.ndarray) -> None:
        self._batches = run.batches
        super().__init__(run.model, x, depth=run.reader.depth)

    def _mapped(self, *given: Any, **named: Any) -> list[np.ndarray]:
        if time.monotonic() > self.deadline:
            raise TooSlowError
        with self._batches.alone():
            return super()._mapped(*given, **named)


class SampleExplainer:
    """Explainer of single samples, by the method that `mlzoo explain` picks for a run.

    Args:
        run: the run, of images or tables with a class or numbers a sample.

    Raises:
        UsageError: its model can't be explained.
    """

    def __init__(self, run: Served) -> None:
        self._run, self._subject = run, subject_of(run)
        self._probe: _BoundedProbe | None = None
        self._turn = threading.Lock()

    def position(self, predicted: str | None) -> int | str:
        """Return the position of a class, whatever it is called; else `predicted`."""
        known = self._subject.outputs if self._subject.classes else []
        return known.index(predicted) if predicted in known else "predicted"

    def explain(self, x: np.ndarray, target: int | str, deadline: float) -> dict[str, object]:
        """Return the explanation of a sample.

        Args:
            x: raw inputs (1, *shape).
            target: name of the class or output, as of `--target`; or the position of a class.
            deadline: time (`time.monotonic`) after which the model is called no more.

        Returns:
            `target`, `method`, `is` (a sentence), and of a row `contributions` by column, of an
            image `picture` and `map` as data URLs.

        Raises:
            TooSlowError: the deadline has passed.
            DataError: there is nothing to explain.
            UsageError: the model has no such output, or can't be explained.
        """
        with self._turn:
            if time.monotonic() > deadline:
                raise TooSlowError
            if self._probe is None:
                self._probe = _BoundedProbe(self._run, x)
            self._probe.deadline = deadline
            return self._explained(self._probe, x, target)

    def _explained(self, probe: Probe, x: np.ndarray, target: int | str) -> dict[str, object]:
        given, truth = (target, None) if isinstance(target, str) else ("true", target)
        config = configure({"run": str(self._run.path), "target": given})
        inputs = probe.inputs(x)
        resolved = resolve_targets(self._subject, config, probe.outputs(inputs), [truth])
        if resolved.empty[0]:
            raise DataError(resolved.empty[0])
        (method,) = choose_methods(config, probe, self._subject.kind).names
        settings = method_settings(config, [method])[method]
        values = explain_batch(method, settings, Batch([0], inputs, probe, resolved), config)[0]
        label = resolved.labels[0]
        explained: dict[str, object] = {"target": label, "method": method}
        if self._subject.kind == "image":
            return {**explained, **self._map(method, label, x[0], values)}
        what = f"the log-odds of {label}" if self._subject.classes else label
        categories = any(column["categories"] for column in self._run.record["columns"])
        other = "average numbers" + categories * " and no categories"
        return {
            **explained,
            "is": f"what each column adds to {what}, compared with a row of {other}",
            "contributions": dict(zip(self._subject.columns, values.tolist(), strict=True)),
        }

    def _map(self, method: str, label: str, x: np.ndarray, values: np.ndarray) -> dict[str, str]:
        from mlzoo.drawing.pictures import as_picture
        from mlzoo.explaining.pages.rendering import laid_over, scaled
        from mlzoo.serving.answers import data_url

        picture = as_picture(x, self._run.reader.maximum)
        sign = ", or against it" if (values < 0).any() else ""
        return {
            "is": f"where the image speaks for {label}{sign} ({method})",
            "picture": data_url(picture),
            "map": data_url(laid_over(picture, scaled(values))),
        }
