"""Claims about maps: how often chance is called better, and what random maps score.

Simulated scores first: a method whose scores come from the same distribution as those of random
maps, and which really beats the edge detector, so that only one comparison keeps it from a claim;
and how often a method that is better by 1.5 standard deviations (2.3 with 8 units) is called so.
Then real ones: gains of random maps on a small CNN and a small U-Net, one map standing for the
method and eight others for its control; and what is said of untrained networks.
"""

from __future__ import annotations

import os
from typing import Any

from measuring import table, verdict

FALSE_CLAIMS, ANY_CLAIM, RANDOM_SENSITIVITY = 0.03, 0.05, 0.05
METHODS = 12
"""Meaningless methods that are compared at once."""
MAPS = 24
"""Random maps of each real sample."""


def claims(trials: int, images: int) -> None:
    """Print the rates of false claims and the mean sensitivity_n of random maps."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    simulated(trials)
    real(trials, images)
    untrained(images)


def draws(rng: Any, kind: str, shape: tuple[int, ...], size: int) -> Any:
    """Scores (samples, ...) with a spread of .3, half of whose variance is that of groups."""
    import numpy as np

    def noise(shape: tuple[int, ...]) -> Any:
        if kind == "t3":
            return rng.standard_t(3, shape) / np.sqrt(3)
        if kind == "left-skewed":  # a few samples with a very low gain
            return 1 - rng.exponential(size=shape)
        if kind == "right-skewed":
            return rng.exponential(size=shape) - 1
        if kind == "lognormal":  # to the left
            return (np.exp(0.5) - rng.lognormal(size=shape)) / 2.161
        if kind == "discrete":  # one sample in ten fails
            return np.where(rng.random(shape) < 0.1, -3, 1 / 3)
        return rng.standard_normal(shape)

    own = noise(shape)
    if size == 1:
        return 0.3 * own
    shared = np.repeat(noise((shape[0] // size, *shape[1:])), size, axis=0)
    return 0.3 * (own + shared) / np.sqrt(2)


KINDS = ("normal", "t3", "left-skewed", "right-skewed", "lognormal", "discrete")


def simulated(trials: int) -> None:
    """False and true claims over independent samples, and over groups of two and four."""
    import numpy as np

    from mlzoo.explaining.evidence.claims import (
        RANDOM_MAPS,
        IndependentUnits,
        against_random_maps,
        judge,
        paired,
    )

    rng, rows = np.random.default_rng(0), []
    for samples, size in ((16, 1), (32, 1), (16, 2), (32, 4)):
        groups = None if size == 1 else np.repeat(np.arange(samples // size), size).astype(str)
        units = IndependentUnits(groups)
        better = 0.7 if samples // size == 8 else 0.45
        for kind in KINDS:
            one, several, real = 0.0, 0, 0
            for _ in range(trials):
                scores = draws(rng, kind, (samples, METHODS), size)
                maps = draws(rng, kind, (samples, RANDOM_MAPS), size)
                edges = np.full(samples, scores.min() - 1) + 0.1 * rng.random(samples)
                pairs = {}
                for m in range(METHODS):
                    pairs[m, "random"] = against_random_maps(scores[:, m], maps, units)
                    pairs[m, "edges"] = paired(scores[:, m], edges, units)
                    alone = judge({name: pairs[m, name] for name in ("random", "edges")})
                    one += alone["random"]["better"] / METHODS
                judged = judge(pairs)
                several += any(judged[m, "random"]["better"] for m in range(METHODS))
                pairs[0, "random"] = against_random_maps(scores[:, 0] + better, maps, units)
                real += judge(pairs)[0, "random"]["better"]
            rates = one / trials, several / trials, real / trials
            rows.append(_row(kind, samples, samples // size, *rates))
    table(["scores", "samples", "units", "a false claim", "any of 12", "a true claim", ""], rows)


def _row(kind: str, samples: int, units: int, one: float, several: float, real: float) -> list[Any]:
    met = verdict(one <= FALSE_CLAIMS and several <= ANY_CLAIM)
    return [kind, samples, units, float(one), float(several), float(real), met]


def real(trials: int, images: int) -> None:
    """Gains and sensitivity_n of random maps on trained networks, and claims of untrained ones."""
    import numpy as np

    from mlzoo.explaining.evidence import faithfulness
    from mlzoo.explaining.evidence.claims import (
        RANDOM_MAPS,
        IndependentUnits,
        against_random_maps,
        judge,
    )
    from mlzoo.introspection.probe import Probe

    rows, rng = [], np.random.default_rng(0)
    for name, (model, x, target) in {"CNN": cnn(images), "U-Net": unet(images)}.items():
        probe = Probe(model, x)
        gains, sensitivities = np.zeros((len(x), MAPS)), np.zeros((len(x), MAPS))
        for i in range(len(x)):
            one, seed = slice(i, i + 1), faithfulness.sample_seed(f"{name} {i}", 0)
            base = probe.baseline(x[one])
            sample = faithfulness.Sample(probe, x[one], target[one], base, seed)
            for j in range(MAPS):
                own = faithfulness.random_map(x.shape[1:3], seed + j).astype("float64")
                deletion, insertion = faithfulness.deletion_insertion(sample, own)
                gains[i, j] = insertion - deletion
                sensitivities[i, j] = faithfulness.sensitivity(sample, own)
        for samples in (16, min(32, len(x))):
            claimed = 0
            for _ in range(trials):
                chosen = rng.permutation(len(x))[:samples]
                order = rng.permuted(np.tile(np.arange(MAPS), (samples, 1)), axis=1)
                own = np.take_along_axis(gains[chosen], order, axis=1)
                maps = own[:, 1 : 1 + RANDOM_MAPS]
                pair = against_random_maps(own[:, 0], maps, IndependentUnits())
                claimed += bool(judge({0: pair})[0]["better"])
            mean = abs(float(sensitivities.mean()))
            share = claimed / trials
            met = verdict(share <= FALSE_CLAIMS and mean < RANDOM_SENSITIVITY)
            rows.append([name, samples, float(gains.std()), share, mean, met])
    table(["network", "samples", "spread of gain", "a false claim", "|sensitivity_n|", ""], rows)


def untrained(images: int) -> None:
    """Print what is claimed of a CNN before its training, and after one on shuffled classes."""
    from pathlib import Path

    from sklearn.datasets import load_digits

    from mlzoo.explaining.evidence.learned import why_no_claim
    from mlzoo.explaining.samples import Chosen
    from mlzoo.explaining.subjects import Subject

    truths = list(load_digits(return_X_y=True)[1][:images])
    rows = []
    for name, epochs, shuffled in (("initial", 0, False), ("shuffled", 2, True), ("own", 4, False)):
        model, x, _ = cnn(images, epochs, shuffled)
        subject = Subject(Path("x.keras"), model, "classification", "image", tuple("0123456789"))
        doubt = why_no_claim(subject, Chosen([str(i) for i in range(len(x))], list(x), truths))
        rows.append(
            [name, doubt or "claims may be made", verdict((doubt == "") == (name == "own"))]
        )
    table(["classes learned", "why nothing is claimed", ""], rows)


def cnn(images: int, epochs: int = 4, shuffled: bool = False) -> tuple[Any, Any, Any]:
    """A CNN trained on digits, test images of it, and their classes as targets."""
    import keras
    import numpy as np
    from sklearn.datasets import load_digits

    from mlzoo.explaining.target_weights import of_classes

    keras.utils.set_random_seed(0)
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8, 1).repeat(2, axis=1).repeat(2, axis=2).astype("float32") / 16
    start = z = keras.Input((16, 16, 1))
    for filters in (8, 16):
        z = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(z)
        z = keras.layers.MaxPooling2D(2)(z)
    z = keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(z))
    model = keras.Model(start, z)
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    if shuffled:
        y = np.random.default_rng(0).permutation(y)
    if epochs:
        model.fit(x[images:], y[images:], batch_size=32, epochs=epochs, verbose=0)
    said = model.predict_on_batch(x[:images])
    return model, x[:images], of_classes(np.asarray(said).argmax(axis=1), 10)


def unet(images: int) -> tuple[Any, Any, Any]:
    """A U-Net trained on bright squares in noise, images of it, and the squares as targets."""
    import keras
    import numpy as np

    from mlzoo.explaining.target_weights import of_region

    keras.utils.set_random_seed(0)
    rng, layers = np.random.default_rng(0), keras.layers
    count = images + 96
    x, mask = rng.random((count, 32, 32, 1), "float32"), np.zeros((count, 32, 32), bool)
    for one in mask:
        row, column = rng.integers(1, 21, 2)
        one[row : row + 10, column : column + 10] = True
    x[mask] += 0.6
    start = keras.Input((32, 32, 1))
    top = layers.Conv2D(8, 3, padding="same", activation="relu")(start)
    z = layers.Conv2D(12, 3, padding="same", activation="relu")(layers.MaxPooling2D(2)(top))
    z = layers.Concatenate()([layers.UpSampling2D(2)(z), top])
    z = layers.Conv2D(8, 3, padding="same", activation="relu")(z)
    model = keras.Model(start, layers.Conv2D(2, 1, activation="softmax")(z))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(x[images:], mask[images:, ..., None], batch_size=16, epochs=6, verbose=0)
    x = x[:images]
    return model, x, of_region(np.asarray(model.predict_on_batch(x)).argmax(-1) == 1, 1, 2)
