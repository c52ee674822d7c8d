"""`mlzoo predict` of a run that reconstructs images: error maps into a folder."""

from __future__ import annotations

from pathlib import Path

from mlzoo.core.errors import UsageError
from mlzoo.core.files import csv_text, write_text
from mlzoo.runs.opened import OpenedRun
from mlzoo.training.signals import again_over, stopping
from mlzoo_cli.output import ConsoleReporter, say

TABLE = "predictions.csv"


def predict_errors(run: OpenedRun, data: list[str], output: Path, overwrite: bool) -> None:
    """Write scores, p-values and error maps of images into a folder.

    Raises:
        UsageError: the output is a file, or holds files and is not to be replaced.
    """
    if output.is_file():
        raise UsageError(f"--output {output} is a file; give a folder for the error maps")
    if (output / TABLE).exists() and not overwrite:
        raise UsageError(f"{output / TABLE} exists already; choose another, or add --overwrite")
    from mlzoo.reporting.error_export import write_error_maps

    reporter = ConsoleReporter()
    rows: list[dict[str, object]] = []
    largest = 0.0
    try:
        with stopping("predicting", again_over(output)):
            for path in data:
                restored = run.reconstruct(path, reporter)
                for warning in restored.warnings:
                    reporter.warn(warning)
                largest = max(largest, write_error_maps(output, restored, overwrite))
                rows += restored.rows()
            write_text(output / TABLE, csv_text(rows))
    finally:
        reporter.end()
    texts = [TABLE]
    if restored.values is not None:
        texts.append("restored/")
    if restored.threshold is not None:
        texts.append(f"masks/ of errors over {restored.threshold:.3g}")
    say(
        f"{len(rows)} images scored, in {output}: {', '.join(texts)}, and errors/ from black (0) "
        f"to yellow (a squared error of {largest:.3g})"
    )
