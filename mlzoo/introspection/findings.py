"""Results that describe a model as a whole, for methods that explain no single sample."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Finding:
    """Arrays of a finding, and the kind of figure that shows them.

    Attributes:
        kind: `bars` (arrays `values` (n,), and `low`, `high` where there are intervals),
            `curves` (`grid` (c, points), `values` (c, points)), `images` (`values` (n, height,
            width, channels)), `profiles` (`values` (n, columns), `low` and `high` (columns,);
            labels are a text for each and then the columns), `points` (`places` (groups, n, 2),
            `classes` (n,)), `plane` (`values` (height, width), `extent` (4,), and perhaps
            `places` (n, 2) of points on it, with `classes` (n,)), or `cells` (`values` (n, rows,
            columns), NaN where there is none, and `moves` (n, rows, columns, 2), arrows in rows and
            columns).
        title: one line.
        arrays: as `kind` says.
        labels: a text for each bar, curve, image, group, class or grid of cells.
        note: what to know when reading it.
        table: names of columns, and rows (n, columns), which are written as a .csv beside the
            figure.
    """

    kind: str
    title: str
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    note: str = ""
    table: tuple[list[str], np.ndarray] | None = None


@dataclass(frozen=True)
class Background:
    """Background samples of methods that compare with real data.

    Attributes:
        x: (n, *shape), raw.
        truth: (n,) classes or (n, targets) values; None where unknown.
        names: of a table's columns.
        outputs: names of classes or targets.
        classes: whether the outputs are classes.
        labels: (n,) positions of classes that the model was not trained on; None where unknown.
        label_names: of these classes.
    """

    x: np.ndarray
    truth: np.ndarray | None = None
    names: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    classes: bool = False
    labels: np.ndarray | None = None
    label_names: tuple[str, ...] = ()
