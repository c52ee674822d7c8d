"""`mlzoo check`: whether a model's gradients are right and its layers sound, in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from mlzoo.checking.backend import double
from mlzoo.checking.gradients import gradients, health
from mlzoo.checking.gradients.precise import calls, in_double
from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.networks import build_network

if TYPE_CHECKING:
    from mlzoo.runs.opened import OpenedRun

_DEFAULT_SHAPES = ((16, 16, 3), (12, 3), (8,), (4, 12, 12, 1), (64, 64, 3))
_NUDGE = 0.02
"""Added to fresh weights, so that no bias is exactly 0, where ReLU has its kink."""
_FAINT, _DEAD, _SAME = 1e-6, 0.9, 1e-9


@dataclass(frozen=True)
class GradientReport:
    """Results of a gradient check: `failures` are errors, `warnings` possible ones."""

    subject: str
    compared: list[gradients.Compared]
    activations: list[health.LayerOutputs]
    depth: list[health.WeightGradient]
    consistency: health.Consistency
    failures: list[str]
    warnings: list[str]

    @property
    def passed(self) -> bool:
        """Return True if there are no failures."""
        return not self.failures

    def record(self) -> dict[str, object]:
        """Return all results, as JSON can hold them."""
        rows = [
            {
                **{k: v for k, v in asdict(row).items() if k not in ("absolute", "relative")},
                "worst": row.worst if np.isfinite(row.worst) else None,
                "agrees": row.agrees,
                "steps": [
                    {"step": h, "absolute": _plain(row.absolute[h]), "relative": _plain(r)}
                    for h, r in row.relative.items()
                ],
            }
            for row in self.compared
        ]
        return {
            "subject": self.subject,
            "passed": self.passed,
            "failures": self.failures,
            "warnings": self.warnings,
            "gradients": rows,
            "activations": [{k: _plain(v) for k, v in r.items()} for r in self.activations],
            "depth": [{k: _plain(v) for k, v in row.items()} for row in self.depth],
            "consistency": {k: _plain(v) for k, v in self.consistency.items()},
        }


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def check(
    model: keras.Model,
    x: np.ndarray,
    subject: str,
    *,
    seed: int = 0,
    entries: int = 4,
    steps: Sequence[float] = gradients.STEPS,
    whole_steps: Sequence[float] = gradients.WHOLE_STEPS,
    fresh: bool = False,
    listener: Listener | None = None,
) -> GradientReport:
    """Check a model on some samples; the model itself is left as it is.

    Args:
        model: a Functional model.
        x: (n, *shape) raw inputs, at least 2.
        subject: what to call it.
        seed: of directions, entries and everything else that is drawn.
        entries: single entries of each array of weights or inputs that are compared, beside one
            random direction through all of them.
        steps: sizes of the central differences of a layer alone.
        whole_steps: those through the whole model.
        fresh: the weights are first ones, not trained.
        listener: progress callback.
    """
    listener = listener or Listener()
    with double():
        precise = in_double(model)
        inputs = keras.ops.convert_to_tensor(x)
        _, quiet = calls(precise, inputs, training=False)
        rows = health.activations(quiet)
        generator = np.random.default_rng(seed)
        for variable in precise.trainable_variables if fresh else ():
            variable.assign(variable.value + _NUDGE * generator.normal(size=variable.shape))
        compared: list[gradients.Compared] = []
        _, layer_calls = calls(precise, inputs, training=True)
        for done, call in enumerate(layer_calls, 1):
            compared += gradients.check_layers([call], seed + done, entries, steps)
            listener.progress(done, len(layer_calls), "checking layers")
        compared += gradients.check_whole(precise, inputs, seed, whole_steps)
        depth = health.by_depth(precise, inputs, seed)
        same = health.consistency(precise, inputs)
    failures = _failures(compared, rows, depth, same)
    return GradientReport(
        subject, compared, rows, depth, same, failures, _warnings(rows, depth, same)
    )


def _failures(
    compared: Sequence[gradients.Compared],
    rows: Sequence[health.LayerOutputs],
    depth: Sequence[health.WeightGradient],
    same: health.Consistency,
) -> list[str]:
    failures = []
    wrong = [row for row in compared if not row.agrees]
    alone = [row for row in wrong if row.layer != "whole model"]
    for layer in dict.fromkeys(row.layer for row in alone):
        of_layer = [row for row in alone if row.layer == layer]
        names = ", ".join(dict.fromkeys(row.parameter for row in of_layer))
        worst = max(row.worst for row in of_layer)
        failures.append(f"layer {layer!r}: wrong gradient in {names} (relative error {worst:.2g})")
    if wrong and not alone:
        names = ", ".join(row.parameter for row in wrong[:5])
        failures.append(f"whole model: wrong gradient in {names}, though each layer alone is right")
    for row in rows:
        if not row["finite"]:
            failures.append(f"layer {row['layer']!r}: outputs are NaN or infinite")
    failures += [
        f"{row['weight']}: no gradient reaches it" for row in depth if row["gradient"] == 0
    ]
    if same["batch_of_one"] > _SAME:
        failures.append(
            "a sample's output depends on the batch that it is predicted in (by "
            f"{same['batch_of_one']:.2g} of the outputs' spread)"
        )
    if same["again"] > _SAME:
        failures.append("two predictions of the same samples differ")
    if same["training"] > _SAME and not same["random"]:
        failures.append("outputs differ in training, though there is no dropout or normalization")
    return failures


def _warnings(
    rows: Sequence[health.LayerOutputs],
    depth: Sequence[health.WeightGradient],
    same: health.Consistency,
) -> list[str]:
    warnings = [
        f"layer {row['layer']!r}: {row['dead']:.0%} of its units give the same for every sample"
        for row in rows
        if row["dead"] is not None and row["dead"] > _DEAD
    ]
    full = [row for row in rows if (row["saturated"] or 0) > 0.5]
    if full:
        warnings.append(
            f"{len(full)} layers are saturated, first {full[0]['layer']!r} "
            f"({full[0]['saturated']:.0%} of its outputs): smaller first weights, or Glorot's"
        )
    small = [row for row in depth if 0 < row["share"] < _FAINT]
    if small:
        first = small[0]
        where = "vanish" if depth.index(first) < len(depth) / 2 else "explode"
        warnings.append(
            f"gradients {where}: that in {first['weight']} is {first['share']:.1g} of the largest"
        )
    return warnings


def check_model(
    name: str,
    shape: tuple[int, ...] | None = None,
    settings: Mapping[str, object] | None = None,
    *,
    classes: int = 3,
    samples: int = 4,
    seed: int = 0,
    listener: Listener | None = None,
) -> GradientReport:
    """Check a model plug-in with first weights, on random inputs.

    Args:
        name: the plug-in, or the path of one.
        shape: of one sample; by default a small one that the model takes.
        settings: values for its `Config`.
        classes: how many it tells apart, or numbers that it predicts.
        samples: random ones to check it on.
        seed: of weights and samples.
        listener: progress callback.

    Raises:
        UsageError: the model can't be built for that shape, takes several inputs, or has no
            weights that an optimizer changes.
    """
    plugin = registry.load("model", name)
    config, task = plugin.Config(**(settings or {})), registry.usual_task(name)
    keras.utils.set_random_seed(seed)
    model = _built(name, plugin, config, shape, Outputs(task, classes))
    if (count := len(model.inputs)) > 1:
        raise UsageError(
            f"{name}: its network takes {count} inputs, and gradients are checked of networks that "
            "take one; check another model"
        )
    if not model.trainable_variables:
        raise UsageError(
            f"{name}: no optimizer changes its weights, so there are no gradients to check"
        )
    sides = tuple(side or 12 for side in model.input_shape[1:])
    x = np.random.default_rng(seed).normal(size=(max(2, samples), *sides)).astype("float32")
    return check(model, x, name, seed=seed, fresh=True, listener=listener)


def _built(
    name: str, plugin: Any, config: Any, shape: tuple[int, ...] | None, outputs: Outputs
) -> keras.Model:
    tried: Exception | None = None
    for sides in [shape] if shape else _DEFAULT_SHAPES:
        kind = {1: "table", 2: "sequence", 3: "image"}.get(len(sides), "array")
        if outputs.target.ahead and not outputs.horizon:
            outputs = Outputs(outputs.task, 1, horizon=2, channels=(0,))
        if outputs.target.translated:
            outputs = Outputs(outputs.task, outputs.units, shape=(sides[0],))
        try:
            return build_network(plugin, config, Inputs(tuple(sides), kind, fixed=True), outputs)
        except (UsageError, ValueError) as error:
            tried = tried or error
    raise UsageError(f"{name}: can't be built for {shape or 'any of the usual shapes'}: {tried}")


def check_run(
    run: OpenedRun, samples: int = 4, seed: int = 0, listener: Listener | None = None
) -> GradientReport:
    """Check a trained run on some samples of its own test split.

    Args:
        run: an open run.
        samples: how many of its test split.
        seed: of everything that is drawn.
        listener: progress callback.

    Raises:
        DataError: its data are gone.
        UsageError: it is a generator, which takes no samples.
    """
    run.require_predictions("check")
    data = run.own_data(listener)
    rows = data.test if len(data.test) else data.train  # without a test split
    count = min(max(2, samples), len(rows))
    chosen = np.sort(np.random.default_rng(seed).choice(len(rows), count, replace=False))
    x = np.asarray(rows.inputs(chosen))
    if data.samples.kind == "image":
        x = x[:, :64, :64] if data.outputs.target.dense else x
    return check(run.model, x, str(run.path), seed=seed, listener=listener)
