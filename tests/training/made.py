"""Small data for training tests, made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mlzoo.core.configs import RunConfig
from mlzoo.data import contracts
from mlzoo.data.samples import Column, Data, Part, Samples
from mlzoo.layers.input_scaling import input_spec

LEAN: dict[str, Any] = {"baselines": "none", "pictures": "none"}
"""Settings of runs of which only the network matters, not what stands beside its scores."""


def config(**more) -> RunConfig:
    return RunConfig(**{"model": "linear", "data": "made", **more})


def as_table(samples: Samples, rows: np.ndarray) -> Samples:
    """Return the samples with rows of a table of numbers as inputs."""
    columns = tuple(Column(f"x{number}") for number in range(rows.shape[1]))
    return replace(samples, inputs=rows.astype("float32"), kind="table", columns=columns)


def data(n: int = 60, classes: int = 2, shares=(0.6, 0.2), seed: int = 0, task=None) -> Data:
    """Points whose class (or value) is a noisy linear function of three inputs."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(n, 3)).astype("float32")
    value = inputs @ [1.0, -2.0, 0.5] + 0.1 * random.normal(size=n)
    if task == "regression":
        targets = (100 + 10 * value).astype("float32")
        samples = Samples(inputs, targets, "regression")
    else:
        edges = np.quantile(value, np.linspace(0, 1, classes + 1)[1:-1])
        targets = np.digitize(value, edges).astype("int32")
        names = tuple("abcdefgh"[:classes])
        samples = Samples(inputs, targets, "classification", class_names=names)
    first, second = int(n * shares[0]), int(n * (shares[0] + shares[1]))
    parts = [Part(samples, p) for p in np.split(np.arange(n), [first, second])]
    return Data(
        samples,
        *parts,
        input_spec(parts[0]),
        contracts.task(samples.task).output_spec(parts[0]),
        "made",
    )
