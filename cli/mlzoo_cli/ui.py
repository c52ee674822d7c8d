"""`mlzoo ui`: a page of the runs and searches in a folder, as they come."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from mlzoo.core.errors import UsageError
from mlzoo_cli.options import Fields, with_options
from mlzoo_cli.output import say

_ROOT = "saved_models"


@with_options(Fields("watching/settings.py", "UiConfig"))
def ui(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FOLDER...]", help=f"Folders with runs and searches [{_ROOT}]."),
    ] = None,
    *,
    given: dict[str, object],
    problems: list[str],
) -> None:
    """Show runs and searches on a page as they are made.

    Curves come as epochs and trials are done; rows can be sorted, ticked to see curves over
    common axes, and compared; reports open. It listens on 127.0.0.1 alone and answers to localhost
    alone, reads run folders, writes nothing and runs nothing that they hold. Ctrl-C ends it.
    """
    from mlzoo.core.configs import from_options
    from mlzoo.core.files import expand
    from mlzoo.watching.settings import UiConfig

    config = from_options(UiConfig, given, problems)
    roots = [expand(folder) for folder in folders or [Path(_ROOT)]]
    wrong = [str(root) for root in roots if folders and not root.is_dir()]
    if wrong:
        raise UsageError([f"there is no folder {name}" for name in wrong])
    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"ui needs {' and '.join(missing)}: pip install 'mlzoo-keras[serve]'")
    import uvicorn

    from mlzoo.watching.app import create_app

    settings = uvicorn.Config(
        create_app(roots),
        host="127.0.0.1",
        port=config.port,
        log_level="warning",
        server_header=False,
        use_colors=False,
    )
    listener = settings.bind_socket()
    listener.listen()  # who comes at once waits until the server has started
    address = f"http://localhost:{listener.getsockname()[1]}"
    say(f"{address} shows {', '.join(map(str, roots))}; Ctrl-C ends it")
    uvicorn.Server(settings).run([listener])
