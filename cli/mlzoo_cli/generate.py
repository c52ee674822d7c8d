"""`mlzoo generate`: new samples from a generative model."""

from __future__ import annotations

from math import isqrt

from mlzoo.core.files import expand
from mlzoo_cli.options import Fields, Json, RunPath, Trust, with_options
from mlzoo_cli.output import say, show


@with_options(Fields("runs/predicting/settings.py", "GenerateConfig"))
def generate(
    run: RunPath,
    trust: Trust = False,
    json: Json = False,
    *,
    given: dict[str, object],
    problems: list[str],
) -> None:
    """Draw new samples from a generative model.

    Images are written as PNG, rows of a table as samples.csv; sheet.png shows them side by side,
    and manifest.json says what was drawn from which run. The same seed draws the same samples.
    --interpolate and --latent-grid show what lies between them.
    """
    from mlzoo.core.configs import from_options
    from mlzoo.runs.predicting.settings import GenerateConfig

    config = from_options(GenerateConfig, given, problems)
    from mlzoo.api import load
    from mlzoo.reporting.drawn_samples import write_samples
    from mlzoo.runs.contents.folders import refuse_links
    from mlzoo.training.signals import stopping

    opened = load(run, trust=trust)
    drawn = opened.generate(
        config.count,
        config.seed,
        config.class_name,
        config.interpolate,
        config.latent_grid,
        config.number,
    )
    count, side = len(drawn.samples), isqrt(config.count)
    facts = {
        "run": opened.path.name,
        "model": opened.config.model,
        "weights_sha256": opened.metrics.get("weights_sha256"),
        "seed": config.seed,
        **({} if config.class_name is None else {"class": config.class_name}),
        **(
            {} if drawn.numbers is None else {"numbers": [float(f"{n:.6g}") for n in drawn.numbers]}
        ),
        **({} if config.interpolate is None else {"interpolate": list(config.interpolate)}),
        **({"latent_grid": [side, side]} if config.latent_grid else {}),
    }
    folder = expand(config.output) if config.output else opened.path / "generated"
    refuse_links(opened.path, folder)
    across = side if config.latent_grid else 0
    with stopping("writing"):
        files = write_samples(folder, drawn.samples, opened.reader, facts, config.overwrite, across)
    if json:
        show({**facts, "samples": count, "folder": str(folder), "files": files})
        return
    noun = "sample" if count == 1 else "samples"
    say(f"{count} {noun} written to {folder}; {folder / 'sheet.png'} shows them")
