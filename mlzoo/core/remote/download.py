"""Files of addresses such as https://host/data.csv and s3://bucket/photos, as local copies.

A copy is downloaded once, whole or not at all, and asked for again by its `ETag` where the server
gives one. Archives (.zip, .tar, .tar.gz, .tgz) become folders. HTTP is Python's own; all other
schemes are those of fsspec with the package that it asks for, which finds credentials in its own
places.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import tarfile
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from mlzoo.core.errors import DataError, ResourceError, UsageError
from mlzoo.core.remote.cache import cache_root

_HTTP = ("http", "https")
_STORES = ("s3", "gs", "gcs", "az", "abfs", "hf")
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_TRIES = 4
_WAITS = (0.5, 1.0, 2.0)
"""Seconds before each further try."""
_TIMEOUT = 30
_PIECE = 1 << 20
_CUT = (OSError, http.client.HTTPException)
"""Errors of a connection that breaks, which is tried again."""


def is_address(path: str) -> bool:
    """Return whether a path is an address of another machine."""
    return path.partition("://")[0].lower() in (*_HTTP, *_STORES) and "://" in path


def shown(address: str) -> str:
    """Return an address for messages: without user, password and query."""
    parts = urllib.parse.urlsplit(address)
    return urllib.parse.urlunsplit((parts.scheme, parts.hostname or "", parts.path, "", ""))


def cache_folder() -> Path:
    """Return the folder of the copies."""
    return cache_root() / "downloads"


@cache
def local_copy(address: str) -> Path:
    """Return the local copy of what an address names; within a process it is looked up once.

    Raises:
        UsageError: the address holds a password, or fsspec lacks a package for it.
        DataError: there is nothing at the address, or it may not be read.
        ResourceError: the connection fails again and again, and there is no copy.
    """
    parts = urllib.parse.urlsplit(address)
    if parts.username or parts.password:
        raise UsageError(
            f"{shown(address)}: an address is stored with the run, so it must hold no user and "
            "password; keep them where the client library looks for them"
        )
    name = parts.path.rstrip("/").rpartition("/")[2] or "data"
    folder = cache_folder() / hashlib.sha256(address.encode()).hexdigest()[:16]
    stem = _stem(name) if _is_archive(name) else name
    # Dots alone would be the folder itself, or the one around it.
    name, stem = (each if each.strip(".") else "data" for each in (name, stem))
    target = folder / stem
    fetch = _over_http if parts.scheme.lower() in _HTTP else _from_store
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as place:
        downloaded = Path(place) / name
        tag = _retried(
            lambda: fetch(address, downloaded, _known_tag(folder, target)), address, target
        )
        if tag is None:
            return target
        if _is_archive(name):
            downloaded = _unpacked(downloaded, Path(place) / "unpacked", address)
        if target.exists():
            shutil.rmtree(target) if target.is_dir() else target.unlink()
        downloaded.rename(target)
    (folder / "source.json").write_text(json.dumps({"address": shown(address), "etag": tag}))
    return target


def _known_tag(folder: Path, target: Path) -> str:
    """Return the ETag of the copy that is there; empty without one."""
    try:
        known = json.loads((folder / "source.json").read_text())
    except (OSError, ValueError):
        return ""
    return str(known.get("etag") or "") if target.exists() else ""


def _retried(fetch: Callable[[], str | None], address: str, target: Path) -> str | None:
    """Fetch, again where a connection breaks; in the end the copy that is there is used."""
    for number in range(_TRIES):
        try:
            return fetch()
        except (DataError, UsageError):
            raise
        except _CUT as error:
            problem = str(error) or type(error).__name__
        if number < len(_WAITS):
            time.sleep(_WAITS[number])
    if target.exists():
        return None
    raise ResourceError(
        f"{shown(address)} can't be downloaded: {problem} ({_TRIES} tries); try again later, or "
        "download it by hand and give its path"
    )


def _over_http(address: str, path: Path, tag: str) -> str | None:
    """Download a file; return its ETag ("" without one), None where the copy is still right."""
    request = urllib.request.Request(address, headers={"If-None-Match": tag} if tag else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer, path.open("wb") as file:
            shutil.copyfileobj(answer, file, _PIECE)
            wanted = answer.headers.get("Content-Length")
            if wanted is not None and file.tell() != int(wanted):
                raise OSError(f"the connection was cut after {file.tell():,} of {wanted} bytes")
            return str(answer.headers.get("ETag") or "")
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.NOT_MODIFIED:
            return None
        if error.code < 500 and error.code != http.HTTPStatus.TOO_MANY_REQUESTS:
            raise DataError(
                f"{shown(address)} answers {error.code} {error.reason}; check the address"
            ) from None
        raise OSError(f"the server answers {error.code} {error.reason}") from None


def _from_store(address: str, path: Path, tag: str) -> str | None:
    """Download a file or a folder by fsspec; return its ETag or its time."""
    try:
        import fsspec
    except ImportError:
        raise UsageError(
            f"{shown(address)} needs fsspec and its package for {address.partition(':')[0]}; "
            "install them with pip"
        ) from None
    try:
        system, place = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{shown(address)}: {error}") from None
    try:
        if system.isdir(place):
            system.get(place.rstrip("/") + "/", str(path) + "/", recursive=True)
            return ""
        facts = system.info(place)
        newest = str(facts.get("ETag") or facts.get("etag") or facts.get("LastModified") or "")
        if newest and newest == tag:
            return None
        system.get_file(place, str(path))
    except FileNotFoundError:
        raise DataError(f"{shown(address)}: there is nothing") from None
    except PermissionError:
        raise DataError(f"{shown(address)} may not be read with these credentials") from None
    return newest


def _is_archive(name: str) -> bool:
    return name.lower().endswith(_ARCHIVES)


def _stem(name: str) -> str:
    ending = max((each for each in _ARCHIVES if name.lower().endswith(each)), key=len)
    return name[: -len(ending)] or "data"


def _unpacked(archive: Path, folder: Path, address: str) -> Path:
    """Unpack an archive; return its only folder where it holds nothing else.

    Raises:
        DataError: it is damaged, or holds names that lead out of it.
    """
    folder.mkdir()
    try:
        if archive.name.lower().endswith(".zip"):
            with zipfile.ZipFile(archive) as file:
                file.extractall(folder)  # leaves out what leads out of the folder
        else:
            with tarfile.open(archive) as file:
                file.extractall(folder, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{shown(address)} can't be unpacked: {error}") from None
    inner = [each for each in folder.iterdir() if each.name != "__MACOSX"]
    return inner[0] if len(inner) == 1 and inner[0].is_dir() else folder
