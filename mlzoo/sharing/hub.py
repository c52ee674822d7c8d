"""Run folders on the Hugging Face Hub: upload with a card, download of safe files alone.

The token, the cache and the address of the Hub (`HF_ENDPOINT`) are those of `huggingface_hub`, the
library that this goes through; mlzoo neither reads nor prints a token.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core.errors import DataError, ResourceError, UsageError
from mlzoo.core.files import expand, real_path
from mlzoo.core.messages import few
from mlzoo.core.progress import Listener
from mlzoo.reporting import card
from mlzoo.reporting.facts import gather
from mlzoo.runs import run_folder
from mlzoo.runs.contents.folders import write_folder
from mlzoo.sharing.front_matter import front_matter
from mlzoo.sharing.settings import PushConfig

if TYPE_CHECKING:
    from huggingface_hub import HfApi

SCHEME = "hf://"
SAFE = frozenset(".keras .json .yaml .csv .md .html .txt .png .svg .gif .npz .py".split())
"""Endings of files that a run consists of. Code (`.py`) is among them: it runs with `--trust`."""
_KEPT_BACK = ("plots", "explanations", "generated", "audit", "exports", "tensorboard")
_SHOWS_DATA = (
    *("report.html", "predictions.csv", "out_of_fold.csv", "out_of_fold.npz", "split.json"),
    "bad_files.csv",
)
_CLIENTS = ("httpx", "httpx2", "httpcore", "requests")
_NAME = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")


def repository(address: str) -> str:
    """Return the repository `user/name` of an address `hf://user/name`.

    Raises:
        UsageError: the address is none.
    """
    name = address.removeprefix(SCHEME).rstrip("/")
    if not address.startswith(SCHEME) or not _NAME.fullmatch(name):
        raise UsageError(f"write an address as hf://user/name (got {address!r})")
    return name


def push(run: str | Path, address: str, config: PushConfig, listener: Listener) -> str:
    """Upload a run folder as a model repository, which is made where it is not there.

    Its card is the run's, behind front matter with the scores and their intervals.

    Args:
        run: a finished run folder.
        address: `hf://user/name`.
        config: what is uploaded.
        listener: receives what is going on.

    Returns:
        The address of the commit.

    Raises:
        UsageError: no run or address, no permission, or the extra `hub` is missing.
        ResourceError: the Hub can't be reached.
    """
    name = repository(address)
    api = _api()
    folder = run_folder.find(run)
    left_out = (*_KEPT_BACK, *_SHOWS_DATA) if config.model_only else ("exports", "tensorboard")
    present = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in left_out
    ]
    # A folder that came from elsewhere may link to files that are to stay on this machine.
    chosen = [path for path in present if real_path(path).is_relative_to(real_path(folder))]
    linked = [str(path.relative_to(folder)) for path in present if path not in chosen]
    if linked:
        listener.note(f"left out, since these links lead out of the run folder: {few(linked)}")
    unsafe = [str(p.relative_to(folder)) for p in chosen if p.suffix not in SAFE]
    if unsafe:
        listener.note(f"left out, since a run does not consist of such files: {few(unsafe)}")
    with tempfile.TemporaryDirectory() as place:
        for path in chosen:
            if path.suffix in SAFE:
                copy = Path(place) / path.relative_to(folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
        facts = gather(folder)
        text = card.render(facts, {} if config.model_only else card.pictures(folder))
        head = front_matter(facts, name.partition("/")[2], config.license)
        (Path(place) / "README.md").write_text(head + text, "utf-8")
        size = sum(path.stat().st_size for path in Path(place).rglob("*") if path.is_file())
        listener.note(
            f"uploading {len(chosen) - len(unsafe)} files, {size / 1e6:.1f} MB, to {name}"
        )
        with _hub_errors(name):
            api.create_repo(name, private=config.private, exist_ok=True)
            commit = api.upload_folder(
                repo_id=name, folder_path=place, commit_message=config.message
            )
    return str(commit.commit_url)


def pull(address: str, out: str | Path = "saved_models", revision: str | None = None) -> Path:
    """Download a run folder to `out/name`; it appears there whole or not at all.

    Args:
        address: `hf://user/name`.
        out: folder that it goes into.
        revision: branch, tag or commit; the default branch where it is None.

    Raises:
        UsageError: no such repository or revision, no permission, or the folder exists.
        DataError: what lies there is no run, or holds files that a run does not consist of.
        ResourceError: the Hub can't be reached.
    """
    name = repository(address)
    api = _api()
    final = expand(out) / name.partition("/")[2]
    if final.exists():
        raise UsageError(f"{final} exists already; choose another --out")
    with _hub_errors(name):
        files = api.list_repo_files(name, revision=revision)
    unsafe = [f for f in files if Path(f).suffix not in SAFE and f != ".gitattributes"]
    if unsafe:
        raise DataError(
            f"{name} holds files that a run of mlzoo does not consist of, so nothing was "
            f"downloaded: {few(unsafe)}"
        )
    missing = [f for f in ("model.keras", "config.yaml", "data.json") if f not in files]
    if missing:
        raise DataError(f"{name} is no run of mlzoo: it lacks {few(missing)}")

    def download(place: Path) -> None:
        from huggingface_hub import snapshot_download

        with _hub_errors(name):
            snapshot_download(name, revision=revision, local_dir=place)
        shutil.rmtree(place / ".cache", ignore_errors=True)
        (place / ".gitattributes").unlink(missing_ok=True)

    write_folder(final, download)
    return final


def _api() -> HfApi:
    """Return the library's client; UsageError where the library is missing."""
    if importlib.util.find_spec("huggingface_hub") is None:
        raise UsageError("the Hugging Face Hub needs the package huggingface_hub: extra `hub`")
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    return HfApi(library_name="mlzoo")


@contextmanager
def _hub_errors(name: str) -> Iterator[None]:
    """Raise errors of the Hub as ours: wrong names and permissions, and the network."""
    from huggingface_hub import errors

    try:
        yield
    except errors.RevisionNotFoundError as error:
        raise UsageError(f"{name} has no such --revision") from error
    except errors.RepositoryNotFoundError as error:
        raise UsageError(
            f"there is no repository {name}, or you may not see it (`hf auth login`, or HF_TOKEN)"
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise UsageError(
                f"the Hub refuses this for {name} ({status}); log in with `hf auth login`, or set "
                "HF_TOKEN to a token that may write"
            ) from error
        raise ResourceError(f"the Hub answered {status} for {name}; try again later") from error
    except errors.LocalTokenNotFoundError as error:
        raise UsageError("log in with `hf auth login`, or set HF_TOKEN") from error
    except Exception as error:
        # The library's client is httpx, httpx2 or requests, by its version.
        client = type(error).__module__.partition(".")[0] in _CLIENTS
        if not (client or isinstance(error, ConnectionError | TimeoutError)):
            raise
        raise ResourceError(
            f"the Hub can't be reached ({type(error).__name__}); check the network, then repeat "
            "the command"
        ) from error
