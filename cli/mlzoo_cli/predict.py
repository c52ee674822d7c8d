"""`mlzoo predict`: new samples to a CSV table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mlzoo.core.errors import UsageError
from mlzoo_cli.options import (
    Fields,
    Json,
    RunPath,
    SafeCsv,
    Trust,
    Tta,
    flag_of,
    with_options,
)

if TYPE_CHECKING:
    from mlzoo.api import Run

PREDICT = Fields("runs/predicting/settings.py", "PredictConfig")
_OF_MASKS = ("probabilities", "overlays", "tile", "overlap")
_OF_ALL_BUT_EPISODES = (
    *(*_OF_MASKS, "shards", "coverage", "features", "length", "temperature", "unlike"),
    *("workers", "engine", "address"),
    *("derivatives", "steps", "truth", "time_step", "energy", "beside"),
)
_OF_STATES = ("time_step", "energy", "beside")
_OF_TEXT = ("length", "temperature", "seed")


@with_options(PREDICT)
def predict(
    run: RunPath,
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATA...",
            help="Images, tables, sequences, arrays, or folders of them; texts, or their files; "
            "nothing where a model acts in an environment.",
        ),
    ] = None,
    safe_csv: SafeCsv = False,
    tta: Tta = "none",
    trust: Trust = False,
    json: Json = False,
    *,
    given: dict[str, object],
    problems: list[str],
) -> None:
    """Predict new samples.

    The table has one row each; masks and fields of images go into a folder. A row has a name, the
    prediction and the probability of every class. Of a segmentation it has the share of each
    class's pixels, and with --output each image's mask is written, whose pixels are class positions
    that classes.txt names; of instances their number, and the masks have numbers of instances whose
    areas and centroids instances.csv has; of fields their means, and the fields are written. Of a
    model without labels it has the error, and the share of normal samples with one as large. Of a
    labeling there is a row a step, of a series a row a step ahead. A model of text goes on from
    DATA, a text file or the text itself. A model that acts plays an episode, a row a step, and
    -o FOLDER adds a film.
    """
    from mlzoo.core.configs import from_options
    from mlzoo.runs.predicting.settings import PredictConfig

    if "overwrite" in given and "output" not in given:
        problems.append("--overwrite: has no effect without --output")
    config = from_options(PredictConfig, given, problems)
    from mlzoo.api import load

    opened = load(run, trust=trust, tta=tta)
    if opened.target.acts:
        from mlzoo_cli.predict_episodes import play_episodes

        _refuse(_OF_ALL_BUT_EPISODES, given, opened)
        play_episodes(opened, data or [], config, json)
        return
    if not data:
        raise UsageError("DATA is missing: name what is to be predicted, such as a file")
    if not opened.target.causal:
        _refuse(_OF_TEXT, given, opened)
    if config.derivatives:
        from mlzoo.runs.derivatives import check_derivatives

        check_derivatives(opened, config.derivatives)
        if config.shards is not None:
            raise UsageError("--derivatives: does not go with --shards; leave one of them out")
    if config.coverage is not None:
        _check_coverage(opened, config.coverage, tta, config.features)
    if config.features:
        _check_features(opened, tta)
    if config.features and "unlike" in given:
        raise UsageError("--unlike: has no effect with --features")
    if config.steps is not None and "unlike" in given:
        raise UsageError("--unlike: has no effect with --steps")
    if not opened.marks_unlike:
        _refuse(("unlike",), given, opened)
    if opened.dense:
        from mlzoo_cli.predict_masks import predict_masks

        _refuse(("shards",), given, opened)
        if config.steps is not None:
            from mlzoo_cli.predict_rollouts import predict_rollouts

            _refuse((*_OF_MASKS, *_OF_STATES), given, opened)
            predict_rollouts(opened, data, config, json)
            return
        predict_masks(opened, data, config, json)
        return
    _refuse((*_OF_MASKS, "truth"), given, opened)
    if config.steps is not None:
        from mlzoo_cli.predict_states import predict_states

        _refuse(("shards", "features", "derivatives"), given, opened)
        predict_states(opened, data, config, trust, json)
        return
    if config.shards is not None:
        from mlzoo_cli.predict_shards import write_shards

        write_shards(opened, data, config, tta, trust, json)
        return
    if config.output is not None and json:
        raise UsageError("--json prints to stdout and --output writes CSV: choose one")
    maps = opened.target.is_input and opened.record["kind"] == "image" and not config.features
    if maps and config.output is not None and config.output.suffix.lower() != ".csv":
        from mlzoo_cli.predict_errors import predict_errors

        predict_errors(opened, data, config.output, config.overwrite)
        return
    if config.output is not None and config.output.exists() and not config.overwrite:
        raise UsageError(f"{config.output} exists already; choose another, or add --overwrite")
    if opened.target.causal and not config.features:
        from mlzoo_cli.predict_text import continue_prompts

        continue_prompts(opened, data, config, json)
        return
    from mlzoo.runs.devices import prepare
    from mlzoo_cli.predict_tables import write_features, write_predictions

    prepare()  # here, since layers import Keras too, which prints TensorFlow's log
    (write_features if config.features else write_predictions)(opened, data, config, json)


def _check_coverage(run: Run, coverage: float, tta: str, features: bool) -> None:
    """Raise UsageError where a run has no scores for a coverage, or options do not go with it."""
    from mlzoo.runs.predicting.conformal import (
        field_widths,
        forecast_band,
        mask_threshold,
        scores_for,
    )

    if tta != "none" or features:
        raise UsageError("--coverage: does not go with --tta or --features; leave one of them out")
    if run.target.ahead:
        forecast_band(run.path, coverage)
    elif run.target.field:
        field_widths(run.path, coverage)
    elif run.target.pixel_class:
        mask_threshold(run.path, run.record["task"], coverage)
    else:
        scores_for(run.path, run.record["task"], coverage)


def _refuse(names: tuple[str, ...], given: dict[str, object], run: Run) -> None:
    """Raise UsageError for options that were given and have no effect on a run's task."""
    unused = [
        "--no-overlays" if name == "overlays" else flag_of(name) for name in names if name in given
    ]
    if unused:
        raise UsageError(f"{', '.join(unused)}: has no effect on {run.record['task']}")


def _check_features(run: Run, tta: str) -> None:
    """Raise UsageError where a run has no features of a whole sample, or options have no effect."""
    if run.target.per not in ("sample", "horizon"):
        raise UsageError(
            f"--features: this run is of {run.record['task']}, which has no features of a whole "
            "sample"
        )
    if tta != "none":
        raise UsageError("--tta: has no effect on --features")
