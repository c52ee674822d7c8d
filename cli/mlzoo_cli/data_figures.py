"""`mlzoo data embed`, `compress` and `boundaries`: data drawn without a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mlzoo.core.errors import UsageError
from mlzoo_cli.options import (
    Fields,
    Given,
    Json,
    SafeCsv,
    flag_of,
    run_argument,
    run_fields,
    with_options,
)
from mlzoo_cli.output import ConsoleReporter, say, show, table

if TYPE_CHECKING:
    from mlzoo.auditing.settings import BoundariesConfig, CompressConfig, EmbedConfig
    from mlzoo.core.configs import RunConfig

Drawn = TypeVar("Drawn", "BoundariesConfig", "CompressConfig", "EmbedConfig")
"""Settings with a `picture`."""

BUNDLED = ("china", "flower")
"""Photographs that come with scikit-learn."""


@with_options(
    run_fields("Data", names=("seed",), detailed=("Data",)),
    Fields("auditing/settings.py", "EmbedConfig"),
)
def embed(
    data: Annotated[str, run_argument("data")],
    safe_csv: SafeCsv = False,
    json: Json = False,
    *,
    given: Given,
    problems: list[str],
) -> None:
    """Draw samples in two dimensions by PCA, kernel PCA, Isomap and t-SNE, without a model.

    Images are averaged to 16x16 gray pixels at most, numbers of tables standardized and categories
    one-hot. The principal components are drawn as well: what they are made of.
    """
    from mlzoo.auditing.settings import EmbedConfig

    config, settings = _configured(data, EmbedConfig, given, problems)
    from mlzoo.auditing.embedding import embed as embed_data
    from mlzoo.statistics.unlabeled.projections import WARNING

    reporter = ConsoleReporter(quiet=json)
    try:
        result = embed_data(config, settings, reporter)
    finally:
        reporter.end()
    if json:
        show(result)
        return
    print(rows_table(result["components"]))
    say(f"{WARNING}.")
    say(f"written to {result['picture']} and {result['csv']}")


@with_options(
    run_fields("Data", names=("seed",), detailed=("Data",)),
    Fields("auditing/settings.py", "CompressConfig"),
)
def compress(
    data: Annotated[
        str,
        typer.Argument(
            metavar="PICTURE|DATA",
            help="A picture's file, china or flower (photographs that come with scikit-learn), or "
            "a data set of images.",
        ),
    ],
    json: Json = False,
    *,
    given: Given,
    problems: list[str],
) -> None:
    """Draw a picture at several ranks by its singular values, or images by principal components.

    Of a data set the mean and the components are drawn (of faces: eigenfaces), and samples of the
    test split, restored from a few numbers each by the components of the training split.
    """
    from mlzoo.auditing.settings import CompressConfig
    from mlzoo.data.images.layouts import SUFFIXES

    one = data in BUNDLED or (Path(data).is_file() and Path(data).suffix.lower() in SUFFIXES)
    if one:
        idle = [name for name in given if name not in ("picture", "ranks")]
        problems += [f"{flag_of(name)}: has no effect on a single picture" for name in idle]
    config, settings = _configured(data, CompressConfig, given, problems, loaded=not one)
    if one and settings.picture.exists() and Path(data).resolve() == settings.picture.resolve():
        raise UsageError(f"--picture: {data} is the picture itself; write to another name")
    from mlzoo.auditing.exploring import compression

    reporter = ConsoleReporter(quiet=json)
    try:
        if one:
            result = compression.compress_picture(data, settings, reporter)
        else:
            result = compression.compress_images(config, settings, reporter)
    finally:
        reporter.end()
    if json:
        show(result)
        return
    print(f"{data}, {result['of']}")
    print(rows_table(result["ranks"]))
    say(f"written to {result['picture']} and {result['csv']}")


@with_options(
    run_fields("Data", names=("seed",), detailed=("Data",)),
    Fields("auditing/settings.py", "BoundariesConfig"),
)
def boundaries(
    data: Annotated[str, run_argument("data")],
    json: Json = False,
    *,
    given: Given,
    problems: list[str],
) -> None:
    """Draw which class eight classifiers of scikit-learn predict where in the plane.

    Data are tables of two numeric columns and a class, such as moons, circles and lines.
    """
    from mlzoo.auditing.settings import BoundariesConfig

    config, settings = _configured(data, BoundariesConfig, given, problems)
    from mlzoo.auditing.exploring.boundaries import boundaries as draw_boundaries

    reporter = ConsoleReporter(quiet=json)
    try:
        result = draw_boundaries(config, settings, reporter)
    finally:
        reporter.end()
    if json:
        show(result)
        return
    print(rows_table(result["classifiers"]))
    say(f"written to {result['picture']}")


FIGURES: dict[str, Callable[..., None]] = {
    "embed": embed,
    "compress": compress,
    "boundaries": boundaries,
}
"""These commands by name."""


def _configured(
    data: str,
    kind: type[Drawn],
    given: Given,
    problems: list[str],
    loaded: bool = True,
) -> tuple[RunConfig, Drawn]:
    """Return the configuration of the data, and the settings of a picture.

    Args:
        data: as it was typed.
        kind: class of the settings.
        given: options of both, by name.
        problems: mistakes that were found already, a line each.
        loaded: the data are read by a source, which is chosen and checked.

    Raises:
        UsageError: with every mistake, a line each.
    """
    from mlzoo.core.configs import RunConfig, from_options
    from mlzoo.runs.config_loading import merge

    own = {name: value for name, value in given.items() if name in kind.model_fields}
    settings = from_options(kind, own, problems)
    rest = {name: value for name, value in given.items() if name not in own}
    if loaded:
        config = merge({"model": "linear", "data": data, **rest}, problems=problems).config
    else:
        config = RunConfig.model_validate({"model": "linear", "data": data})
    check_picture(settings.picture)
    return config, settings


def check_picture(path: Path) -> None:
    """Raise UsageError where no PNG can be written to a path."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"--picture: write a name that ends in .png (got {str(path)!r})")
    if not path.parent.is_dir():
        raise UsageError(f"--picture: there is no folder {path.parent}")


def rows_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return records as a table with a column a field."""
    header = list(dict.fromkeys(name for row in rows for name in row))
    return table(header, [[_plain(row.get(name)) for name in header] for row in rows])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    return value
