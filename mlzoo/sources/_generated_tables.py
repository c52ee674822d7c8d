"""Generated tables of numbers: points of classes, and curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.samples import Samples


def _samples(
    matrix: np.ndarray, targets: np.ndarray, inputs: tuple[str, ...], target: str, note: str
) -> Samples:
    """A table of numbers; whole-number targets are classes."""
    import numpy as np

    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples
    from mlzoo.data.tables.reader import Column, TableReader, TargetColumn

    matrix = matrix.astype(np.float32)
    regression = targets.dtype.kind == "f"
    columns = tuple(Column(name) for name in inputs)
    return Samples(
        inputs=matrix,
        targets=targets.astype(np.float32 if regression else np.int32),
        task="regression" if regression else "classification",
        kind="table",
        class_names=() if regression else tuple(map(str, range(int(targets.max()) + 1))),
        target_names=(target,),
        columns=columns,
        names=[f"sample {i + 1}" for i in range(len(matrix))],
        hashes=row_digests(matrix),
        reader=TableReader(
            columns=columns, target=TargetColumn(target), delimiter=None, header="auto"
        ),
        notes=(f"{note} (--source-set samples=, --source-set noise=)",),
    )


def clouds(name: str, count: int, seed: int, noise: float) -> Samples:
    from sklearn import datasets

    common: dict[str, object] = {"n_samples": count, "random_state": seed}
    if name == "blobs":
        x, y = datasets.make_blobs(centers=3, cluster_std=noise, **common)
    elif name == "moons":
        x, y = datasets.make_moons(noise=noise, **common)
    else:
        x, y = datasets.make_circles(noise=noise, factor=0.5, **common)
    return _samples(x, y, ("x1", "x2"), "class", f"{name}: {len(x)} points, noise {noise:g}")


def gaussian_mixture(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Three normal distributions about (0, 2), (2, -2) and (-2, -2), drawn equally often."""
    import numpy as np

    means = np.array([(0.0, 2.0), (2.0, -2.0), (-2.0, -2.0)])
    y = np.arange(count) % 3
    x = means[y] + rng.normal(0, noise, (count, 2))
    note = f"gaussian-mixture: {count} points about (0,2), (2,-2), (-2,-2), spread {noise:g}"
    return _samples(x, y, ("x1", "x2"), "class", note)


def lines(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Two classes along parallel lines, y = x / 2 and y = x / 2 + 1, with x from -2 to 2."""
    import numpy as np

    y = np.arange(count) % 2
    along = rng.uniform(-2, 2, count)
    x = np.stack([along, 0.5 * along + y + rng.normal(0, noise, count)], axis=1)
    return _samples(x, y, ("x1", "x2"), "class", f"lines: {count} points, noise {noise:g}")


def gate(name: str, count: int, noise: float, rng: np.random.Generator) -> Samples:
    """The four rows of a truth table, repeated with noise so that they can be split."""
    import numpy as np

    corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])[np.arange(count) % 4]
    a, b = corners.astype(bool).T
    gates = {"or": a | b, "and": a & b, "nor": ~(a | b), "nand": ~(a & b), "xor": a ^ b}
    x = corners + rng.normal(0, noise, (count, 2))
    note = f"{name}: the four rows of its truth table, {count} times in all, noise {noise:g}"
    return _samples(x, gates[name].astype(int), ("x1", "x2"), "output", note)


def stress_strain(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Mild steel in tension: elastic to the yield point, then Voce hardening.

    stress = E e below the yield strain s0 / E, and s0 + Q (1 - exp(-b (e - s0 / E))) above it,
    with E = 200 GPa, s0 = 250 MPa, Q = 200 MPa, b = 30 and strains from 0 to 0.1.

    Source:
        E. Voce, "The relationship between stress and strain for homogeneous deformation",
        Journal of the Institute of Metals 74 (1948), 537-562.
    """
    import numpy as np

    modulus, yields, hardening, rate = 200_000.0, 250.0, 200.0, 30.0
    # The elastic range is 1/80 of the curve; a fifth of the samples lies in it.
    elastic = rng.uniform(0, yields / modulus, count)
    strain = np.where(rng.random(count) < 0.2, elastic, rng.uniform(0, 0.1, count))
    plastic = np.maximum(strain - yields / modulus, 0)
    stress = np.minimum(modulus * strain, yields) + hardening * (1 - np.exp(-rate * plastic))
    stress = stress + rng.normal(0, noise, count)
    note = f"stress-strain: {count} points of a curve in MPa, noise {noise:g} MPa"
    return _samples(strain[:, None], stress, ("strain",), "stress", note)


def noisy_sine(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """sin(x) for x from 0 to two pi."""
    import numpy as np

    x = rng.uniform(0, 2 * np.pi, count)
    y = np.sin(x) + rng.normal(0, noise, count)
    return _samples(x[:, None], y, ("x",), "y", f"noisy-sine: {count} points, noise {noise:g}")


def box(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """1 where |x| < 1/2 and 0 elsewhere, for x from -1 to 1; its odd frequencies fall as 1/n."""
    import numpy as np

    x = rng.uniform(-1, 1, count)
    y = (np.abs(x) < 0.5) + rng.normal(0, noise, count)
    return _samples(x[:, None], y, ("x",), "y", f"box: {count} points, noise {noise:g}")


def root_sine(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Square root of x times sin(x) for x from 0 to 10."""
    import numpy as np

    x = rng.uniform(0, 10, count)
    y = np.sqrt(x) * np.sin(x) + rng.normal(0, noise, count)
    return _samples(x[:, None], y, ("x",), "y", f"root-sine: {count} points, noise {noise:g}")


def swiss_roll(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """A sheet rolled up in space, (t cos t, height, t sin t), with t from 3/2 pi to 9/2 pi.

    The target is t, the place along the sheet, which distances in space do not tell.
    """
    import numpy as np

    place = 1.5 * np.pi * (1 + 2 * rng.random(count))
    points = np.stack([place * np.cos(place), 21 * rng.random(count), place * np.sin(place)], 1)
    points += rng.normal(0, noise, points.shape)
    note = f"swiss-roll: {count} points of a rolled sheet, noise {noise:g}"
    return _samples(points, place, ("x", "y", "z"), "place", note)
