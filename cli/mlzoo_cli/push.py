"""`mlzoo push`: upload a run to the Hugging Face Hub."""

from __future__ import annotations

from typing import Annotated

import typer

from mlzoo_cli.options import Fields, Json, RunPath, with_options
from mlzoo_cli.output import ConsoleReporter, say, show

Address = Annotated[str, typer.Argument(metavar="hf://USER/NAME", help="Model on the Hub.")]


@with_options(Fields("sharing/settings.py", "PushConfig"))
def push(
    run: RunPath,
    address: Address,
    json: Json = False,
    *,
    given: dict[str, object],
    problems: list[str],
) -> None:
    """Upload a run to the Hugging Face Hub.

    The run's card gets front matter with its scores and their intervals. Log in with `hf auth
    login` first, or set HF_TOKEN. Pictures and predictions show some of the data: --model-only
    leaves them out. `mlzoo pull` downloads the run again.
    """
    from mlzoo.core.configs import from_options
    from mlzoo.sharing import hub
    from mlzoo.sharing.settings import PushConfig

    config = from_options(PushConfig, given, problems)
    commit = hub.push(run, address, config, ConsoleReporter(quiet=json))
    if json:
        show({"commit": commit})
    else:
        say(f"uploaded: {commit}")
        say(f"next: mlzoo pull {address}")
