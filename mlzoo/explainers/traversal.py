"""Traversal: what each number of a code changes in the sample that is restored from it.

Higgins et al., "beta-VAE: Learning basic visual concepts with a constrained variational framework"
(2017), figure 1: one number of a sample's code is moved over what it is for training samples, the
others stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.findings import Finding
    from mlzoo.introspection.probe import Probe

KINDS = ("image", "table", "array")
MODEL = True
COMPARES = True
CODED = True


class Config(Settings):
    """Settings of traversal."""

    numbers: int = Field(8, ge=1, le=64)
    """Numbers of a code that are shown, those that change the sample most."""
    steps: int = Field(9, ge=2, le=51)
    """Values that each is moved to."""
    tail: float = Field(0.025, ge=0, lt=0.5)
    """Share of training samples whose values lie beyond, at each end."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> list[Finding]:
    """Return a row of restored samples for each number of the first sample's code.

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.

    Raises:
        UsageError: there are no training samples of the run to compare with.
    """
    import keras
    import numpy as np

    from mlzoo.core.errors import UsageError
    from mlzoo.introspection.findings import Finding
    from mlzoo.layers.sample_error import ERROR

    training = model.background
    if training is None or len(training.x) < 2:
        raise UsageError("traversal needs training samples of the run, and there are none")
    code = model.model.get_layer("code").output
    encode = keras.Model(model.model.inputs, code)
    decode = keras.Model(code, model.model.get_layer(ERROR).input[0])
    known = encode.predict_on_batch(training.x)
    low, high = np.quantile(known, [config.tail, 1 - config.tail], axis=0)
    start = encode.predict_on_batch(x[:1])[0]
    count, steps = len(start), config.steps
    codes = np.tile(start, (count, steps, 1)).astype("float32")
    for number in range(count):
        codes[number, :, number] = np.linspace(low[number], high[number], steps)
    restored = decode.predict_on_batch(codes.reshape(-1, count))
    restored = restored.reshape(count, steps, *restored.shape[1:]).astype("float32")
    changes = restored.std(axis=1).reshape(count, -1).mean(axis=1)
    order = np.argsort(-changes, kind="stable")[: config.numbers]
    note = "scaled values; the other numbers are those of the first sample that is explained"
    findings = []
    for number in order.tolist():
        values = codes[number, :, number]
        title = f"number {number + 1} of {count} of the code"
        labels = [f"{value:.3g}" for value in values]
        rows = restored[number]
        if rows.ndim == 4:
            arrays = {
                "values": rows,
                "range": np.array([restored.min(), restored.max()], "float64"),
            }
            findings.append(Finding("images", title, arrays, labels, note))
            continue
        curves = rows.reshape(steps, -1).T
        names = list(training.names)
        if len(names) != len(curves):
            names = [f"x{column}" for column in range(len(curves))]
        most = np.argsort(-curves.std(axis=1), kind="stable")[:9]
        grid = np.tile(values, (len(most), 1))
        shown = [names[column] for column in most]
        findings.append(
            Finding("curves", title, {"grid": grid, "values": curves[most]}, shown, note)
        )
    return findings
