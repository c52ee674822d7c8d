"""`mlzoo predict` of a run that predicts at every pixel: masks or fields into a folder."""

from __future__ import annotations

from mlzoo.core.configs import RunConfig, from_options
from mlzoo.core.errors import UsageError
from mlzoo.runs.opened import ChooseTiling, OpenedRun
from mlzoo.runs.predicting.settings import PredictConfig
from mlzoo.runs.results import Painted
from mlzoo.training.signals import AGAIN, again_over, stopping
from mlzoo_cli.output import ConsoleReporter, say, show, show_csv


def predict_masks(run: OpenedRun, data: list[str], config: PredictConfig, json: bool) -> None:
    """Predict images one by one; each one's files are written before the next is read."""
    _check(run, config)
    cut = _tiling(run, config.tile, config.overlap)
    output = config.output
    reporter = ConsoleReporter(quiet=json)
    rows: list[dict[str, object]] = []
    warnings: dict[str, None] = {}
    unlike: list[bool] = []
    import numpy as np

    from mlzoo.runs.predicting import novelty

    try:
        from mlzoo.data.images.inference_inputs import image_names
        from mlzoo.reporting.mask_export import Folder

        folder = None
        if output is not None:
            names = [name for path in data for name in image_names(path)]
            folder = Folder(output, run.reader, names, config.overwrite)
        with stopping("predicting", AGAIN if output is None else again_over(output)):
            for path in data:
                images = run.masks(
                    path,
                    tiling=cut,
                    outputs=config.probabilities,
                    listener=reporter,
                    coverage=config.coverage,
                    unlike=config.unlike,
                )
                for painted in images:
                    warnings |= dict.fromkeys(painted.warnings)
                    written = {}
                    if folder is not None:
                        written["file"] = folder.write(painted, config.overlays)
                    facts = _facts(run, painted) | _novelty(painted)
                    rows.append({"name": painted.name, **written, **facts})
                    if painted.unlike is not None:
                        unlike.append(painted.unlike)
            if folder is not None:
                folder.finish()
    finally:
        reporter.end()
    for warning in warnings:
        reporter.warn(warning)
    if unlike:
        for warning in novelty.too_many(np.array(unlike), config.unlike):
            reporter.warn(warning)
    elif config.unlike and (limit := novelty.limitation(run.reference, config.unlike)):
        reporter.note(limit)
    if json:
        show(rows)
    else:
        show_csv(rows)
    if output is not None:
        say(f"{len(rows)} images predicted, in {output}")
    elif not json:
        say("nothing was written; --output FOLDER writes a file for each image")


def _novelty(painted: Painted) -> dict[str, object]:
    """Return whether an image is unlike the training data, and its p-value, where it is known."""
    if painted.unlike is None or painted.unlike_p is None:
        return {}
    marked = "yes" if painted.unlike else "no"
    return {"unlike": marked, "unlike_p": float(f"{painted.unlike_p:.7g}")}


def _check(run: OpenedRun, config: PredictConfig) -> None:
    problems, output = [], config.output
    if output is not None and output.exists() and not output.is_dir():
        problems.append(f"--output {output} is a file; give a folder for the masks")
    for flag, given in (
        ("--probabilities", config.probabilities),
        ("--no-overlays", not config.overlays),
    ):
        if given and output is None:
            problems.append(f"{flag}: has no effect without --output")
        elif given and not run.target.pixel_class:
            problems.append(f"{flag}: has no effect on {run.record['task']}")
    if config.overlap is not None and config.tile is None:
        problems.append("--overlap: has no effect without --tile")
    if problems:
        raise UsageError(problems)


def _tiling(run: OpenedRun, tile: str | None, overlap: int | None) -> ChooseTiling:
    """Return the tiling of images; numbers follow the rules of training."""
    if tile is None:
        return run.tiling()
    values = {"model": "-", "data": "-", "tile": tile, "overlap": overlap}
    config = from_options(RunConfig, values)
    return run.tiling(config.tile, config.overlap)


def _facts(run: OpenedRun, painted: Painted) -> dict[str, object]:
    """Return facts of a prediction: instances, shares of classes, means of fields, or a change.

    Of instances their number and mean area; of a restored image `change`, the root mean squared
    difference from the image as it was, of pixels from 0 to 1.
    """
    import numpy as np

    if painted.instances is not None:
        count = int(painted.instances.max(initial=0))
        area = int((painted.instances > 0).sum()) / count if count else 0.0
        return {"instances": count, "mean_area": round(area, 2)}
    values = painted.values
    if run.target.restores:
        if values.shape != painted.image.shape:
            return {}
        change = values - painted.image / np.float32(run.reader.maximum or 1)
        return {"change": round(float(np.sqrt(np.mean(change**2))), 6)}
    classes = run.record["class_names"]
    if classes:
        counts = np.bincount(values.ravel(), minlength=len(classes))
        shares = (counts / values.size).tolist()
        return {f"share_{name}": round(s, 6) for name, s in zip(classes, shares, strict=True)}
    means = values.reshape(-1, values.shape[-1]).mean(axis=0).tolist()
    names = run.record["target_names"]
    facts: dict[str, object] = {f"mean_{n}": round(m, 6) for n, m in zip(names, means, strict=True)}
    if painted.low is not None and painted.high is not None:
        widths = (painted.high - painted.low).reshape(-1, len(names)).mean(axis=0).tolist()
        facts |= {f"width_{n}": round(w, 6) for n, w in zip(names, widths, strict=True)}
    return facts
