"""From a configuration to explanations: samples, targets, maps, and what is odd about them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.explaining.reference import METHODS as PACKAGE_METHODS
from mlzoo.explaining.reference import package_maps
from mlzoo.explaining.samples import Chosen, by_shape
from mlzoo.explaining.settings import ALL, AUTO, ExplainConfig, method_settings
from mlzoo.explaining.subjects import Subject
from mlzoo.explaining.targets import ResolvedTargets, resolve_targets
from mlzoo.introspection.findings import Finding
from mlzoo.introspection.probe import Probe
from mlzoo.layers.sample_error import ERROR


@dataclass
class Explanation:
    """One method's map of one sample.

    Attributes:
        name: of the sample.
        method: the explainer's name.
        x: the sample, raw.
        values: signed attributions at x's positions, float32: (height, width), (steps,),
            (steps, channels) or (columns,).
        target: description of what is explained.
        predicted: description of the prediction.
        truth: the true class in words; "" where unknown.
        flag: problem of the map; "" where there is none.
        scores: its evidence, by name.
        draws: where `scores` are means over several random maps, the scores of each.
    """

    name: str
    method: str
    x: np.ndarray
    values: np.ndarray
    target: str
    predicted: str
    truth: str = ""
    flag: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    draws: tuple[dict[str, float], ...] = ()

    @property
    def wrong(self) -> bool:
        """Return True if the model is known to be wrong on the sample."""
        return bool(self.truth) and not self.predicted.startswith(f"{self.truth} ")


@dataclass
class Batch:
    """Samples of one shape with their opened model and targets."""

    positions: list[int]
    x: np.ndarray
    probe: Probe
    resolved: ResolvedTargets


@dataclass
class ExplanationSet:
    """Results of a run of explanations.

    Attributes:
        explanations: maps of samples.
        findings: results about the model as a whole, by method.
        facts: by method, its settings and costs.
        left_out: of `all`, the methods that did not run, and why.
    """

    explanations: list[Explanation]
    findings: dict[str, list[Finding]]
    facts: dict[str, Any]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def mapping(self) -> list[str]:
        """Return the methods that give maps of samples."""
        return [name for name in self.facts if name not in self.findings]


def open_batches(subject: Subject, chosen: Chosen, config: ExplainConfig) -> list[Batch]:
    """Group samples by shape and resolve their targets.

    Samples of one shape share a probe, also where every class is asked for.

    Args:
        subject: the model.
        chosen: the samples.
        config: targets, layer and memory.
    """
    batches = []
    for positions in by_shape(chosen.inputs).values():
        x = np.stack([chosen.inputs[i] for i in positions])
        given = config.layer, config.max_memory, subject.depth, subject.entry
        probe = Probe(subject.model, x, *given)
        probe.background, probe.known = chosen.background, chosen.known
        probe.problem = subject.problem
        probe.grid, probe.critic = subject.grid, subject.critic
        x = probe.inputs(x)
        outputs, places = probe.outputs(x), np.array(positions)
        for target in dict.fromkeys(chosen.targets) if chosen.targets else (config.target,):
            rows = [r for r, i in enumerate(positions) if chosen.target(i) in (None, target)]
            resolved = resolve_targets(
                subject,
                config.model_copy(update={"target": target}),
                outputs[rows],
                [chosen.truths[positions[r]] for r in rows],
            )
            batches.append(Batch(places[rows].tolist(), x[rows], probe, resolved))
    return batches


DEFAULTS = {"image": ("gradcam",)}
"""Methods that `auto` tries first, by the kind of data."""
ANY = "integrated_gradients"
"""The method of `auto` where none of those fits: it explains any model."""
EQUATIONS = "residuals"
"""The method of `auto` of models that solve equations."""


@dataclass(frozen=True)
class Methods:
    """Methods to run.

    Attributes:
        names: of those that run.
        left_out: of `all`, why each of the others does not.
    """

    names: list[str]
    left_out: dict[str, str] = field(default_factory=dict)


def choose_methods(config: ExplainConfig, probe: Probe, kind: str) -> Methods:
    """Return the requested methods, or those that fit the model for `auto` and `all`.

    Args:
        config: with the names of methods.
        probe: the opened model.
        kind: of the data.

    Raises:
        UsageError: a method that was named does not fit.
    """
    if ALL in config.method:
        names = registry.names("explainer")
        reasons = {name: misfit(name, probe, kind, config.engine) for name in names}
        left_out = {name: reason for name, reason in reasons.items() if reason}
        return Methods([name for name in reasons if name not in left_out], left_out)
    if AUTO in config.method:
        if _reconstructs(probe):
            return Methods([ANY])
        if probe.problem is not None:
            return Methods([EQUATIONS])
        fits = (name for name in DEFAULTS.get(kind, ()) if not misfit(name, probe, kind))
        return Methods([next(fits, ANY)])
    for name in config.method:
        reason = misfit(name, probe, kind, config.engine)
        if reason:
            raise UsageError(f"--method {name}: {reason}")
    return Methods(list(dict.fromkeys(config.method)))


def _reconstructs(probe: Probe) -> bool:
    """Return True if a model's output is the error of a sample that it reconstructs."""
    return any(layer.name == ERROR for layer in probe.model.layers)


def of_model(name: str) -> bool:
    """Return True if a method explains a model as a whole, not single samples."""
    return bool(getattr(registry.load("explainer", name), "MODEL", False))


def misfit(name: str, probe: Probe, kind: str, engine: str = "mlzoo") -> str | None:
    """Return why a method can't explain a model of a kind of data; None if it can.

    Args:
        name: of the method.
        probe: the opened model.
        kind: of the data.
        engine: `mlzoo` or `tf-keras-vis`.
    """
    plugin = registry.load("explainer", name)
    kinds = getattr(plugin, "KINDS", None)
    extra = getattr(plugin, "EXTRA", None)
    if engine != "mlzoo" and name not in PACKAGE_METHODS:
        return f"--engine {engine} has no {name}; it has {', '.join(PACKAGE_METHODS)}"
    if kinds and kind not in kinds:
        return f"it is for {' and '.join(kinds)} data, and these are {kind}"
    if probe.parted and (of_model(name) or kinds == ("table",)):
        return f"samples hold two inputs here, one of which is explained; use --method {ANY}"
    if getattr(plugin, "NEEDS_LAYER", False) and probe.layer is None:
        return (
            "it needs a convolutional layer, or a recurrent one that returns sequences, and this "
            f"model has none; use --method {ANY}"
        )
    if getattr(plugin, "NEEDS_LAYER", False) and len(probe.shape) > 3:
        return f"it is for images and sequences, and these are films; use --method {ANY}"
    if probe.depth and of_model(name) and kinds and "image" in kinds:
        return f"it draws images, and these are volumes; use --method {ANY}"
    coded = _reconstructs(probe) and any(layer.name == "code" for layer in probe.model.layers)
    if getattr(plugin, "CODED", False) and not coded:
        return "it is for models that reconstruct samples from a code, such as autoencoder and vae"
    if getattr(plugin, "EQUATIONS", False) and probe.problem is None:
        return "it is for runs that solve equations, such as those of pinn"
    if getattr(plugin, "GRIDS", False) and probe.grid is None:
        return "it is for runs that act on a grid, such as those on grid-snake and grid-world"
    if extra and find_spec(extra) is None:
        return f'it needs the package {extra}; pip install "mlzoo-keras[{extra}]"'
    if getattr(plugin, "COMPARES", False):
        try:
            probe.background_rows(1, 0)
        except UsageError as error:
            return str(error)
    return None


def run_methods(
    subject: Subject,
    chosen: Chosen,
    batches: list[Batch],
    methods: Methods,
    config: ExplainConfig,
    listener: Listener,
) -> ExplanationSet:
    """Compute the maps of every method for every sample that can be explained.

    Of `all`, a method that can't explain this model is left out; see `ExplanationSet.left_out`.

    Args:
        subject: the model.
        chosen: the samples.
        batches: the same, by shape.
        methods: the methods to run.
        config: everything that was asked for.
        listener: progress callback.
    """
    probes = {id(b.probe): b.probe for b in batches}.values()
    settings = method_settings(config, methods.names)
    explained = ExplanationSet([], {}, {}, dict(methods.left_out))
    for done, method in enumerate(methods.names):
        began, forwards = time.process_time(), sum(p.forwards for p in probes)
        diagnostics: dict[str, list[float]] = {}
        explanations: list[Explanation] = []
        try:
            if of_model(method):
                explained.findings[method] = explain_model(method, settings[method], batches)
            for batch in [] if of_model(method) else batches:
                values = explain_batch(method, settings[method], batch, config)
                for name, numbers in batch.probe.diagnostics.items():
                    diagnostics.setdefault(name, []).extend(numbers.tolist())
                explanations += _explanations(method, batch, values, subject, chosen)
                count = done * len(chosen) + len(explanations)
                listener.progress(count, len(methods.names) * len(chosen), "explaining")
        except UsageError as error:
            if ALL not in config.method:
                raise
            explained.left_out[method] = str(error)
            continue
        _tell_completeness(method, diagnostics, listener)
        explained.explanations += explanations
        explained.facts[method] = {
            "settings": settings[method].model_dump(mode="json"),
            "cpu_seconds": round(time.process_time() - began, 3),
            "forwards": sum(p.forwards for p in probes) - forwards,
            **{name: float(np.max(numbers)) for name, numbers in diagnostics.items()},
        }
    place = {name: i for i, name in enumerate(methods.names)}
    order = {name: i for i, name in enumerate(chosen.names)}
    explained.explanations.sort(key=lambda e: (order[e.name], place[e.method]))
    return explained


def explain_model(method: str, settings: Any, batches: Sequence[Batch]) -> list[Finding]:
    """Return the findings of a method that explains the model as a whole.

    Those that depend on the target are of each target, which their titles name.

    Args:
        method: its name.
        settings: its `Config`.
        batches: samples, of which those of the first shape are taken.
    """
    plugin = registry.load("explainer", method)
    if not getattr(plugin, "OF_TARGET", False):
        first = batches[0]
        return list(plugin.explain(settings, first.probe, first.x, first.resolved.weights))
    findings: list[Finding] = []
    for batch in batches:
        if batch.probe is not batches[0].probe:
            break
        names = set(batch.resolved.labels)
        name = names.pop() if len(names) == 1 else "each sample's"
        for each in plugin.explain(settings, batch.probe, batch.x, batch.resolved.weights):
            findings.append(replace(each, title=f"{each.title} (target: {name})"))
    return findings


COMPLETE = 0.05
"""Error of completeness from which on it is warned of."""


def _tell_completeness(
    method: str, diagnostics: dict[str, list[float]], listener: Listener
) -> None:
    """Say how far attributions are from summing to what they explain."""
    if "completeness_error" not in diagnostics:
        return
    error = np.array(diagnostics["completeness_error"])
    text = f"{method}: attributions sum to the change within {error.max():.1%}"
    if error.max() <= COMPLETE:
        listener.note(text)
    else:
        count = int((error > COMPLETE).sum())
        listener.warn(f"{text}; of {count} of {len(error)} samples the error is over 5 %")


def explain_batch(method: str, settings: Any, batch: Batch, config: ExplainConfig) -> np.ndarray:
    """Return one method's maps of a batch (n, ...), float32; padding steps are exactly 0.

    Args:
        method: its name.
        settings: its `Config`.
        batch: samples of one shape.
        config: with the engine and the layer.
    """
    batch.probe.diagnostics.clear()
    if config.engine == "mlzoo":
        plugin = registry.load("explainer", method)
        values = plugin.explain(settings, batch.probe, batch.x, batch.resolved.weights)
    else:
        values = package_maps(method, batch.probe, batch.x, batch.resolved.weights, config.layer)
    return without_padding(np.asarray(values, "float32"), batch.x)


def without_padding(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return maps that are 0 where sequences hold nothing but NaN; those of spectra as they are."""
    if x.ndim != 3 or x.dtype.kind != "f" or values.shape[1] != x.shape[1]:
        return values
    gone = np.isnan(x).all(axis=-1)
    return np.where(gone[..., None] if values.ndim == 3 else gone, np.float32(0), values)


def flag(values: np.ndarray, number: bool = False) -> str:
    """Return a map's problem with its likely cause; "" if there is none.

    Args:
        values: the map.
        number: whether it is of a predicted number, which inputs may all lower.
    """
    if not np.isfinite(values).all():
        return "not finite: the model's outputs or gradients overflow"
    if not values.any():
        return "all zero: nothing at this layer speaks for it; try --layer, or a signed method"
    if values.max() <= 0 and not number:
        return "negative: nothing speaks for it; its largest values speak least against it"
    if values.size > 1 and np.ptp(values) == 0:
        return "the same everywhere: the layer has a single place; try --layer"
    return ""


def _explanations(
    method: str, batch: Batch, values: np.ndarray, subject: Subject, chosen: Chosen
) -> list[Explanation]:
    explanations = []
    for row, position in enumerate(batch.positions):
        if batch.resolved.empty[row]:
            continue
        explanations.append(
            Explanation(
                chosen.names[position],
                method,
                subject.shown(chosen.inputs[position]),
                values[row],
                batch.resolved.labels[row],
                batch.resolved.predicted[row],
                _words(chosen.truths[position], subject),
                flag(values[row], number=not subject.classes),
            )
        )
    return explanations


def _words(truth: Any, subject: Subject) -> str:
    """Return a true class as text."""
    if truth is None or not subject.target.sample_class:
        return ""
    return subject.outputs[int(np.asarray(truth))]
