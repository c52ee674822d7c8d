"""Data at addresses: a server on this machine, and its faults."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import mlzoo
from mlzoo.core.errors import DataError, ResourceError, UsageError
from mlzoo.core.files import expand
from mlzoo.core.remote import download
from mlzoo.data.loading import read
from tests.data.pictures import config

TABLE = "a,b,kind\n" + "".join(f"{i},{i * i % 7},{'xy'[i % 2]}\n" for i in range(30))


class Server:
    """Files by path, and what the next requests are answered with in place of them."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"/data.csv": TABLE.encode()}
        self.faults: list[str] = []
        self.statuses: list[int] = []
        handler = type("Handler", (_Handler,), {"served": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def address(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.http.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    served: Server

    def do_GET(self) -> None:
        fault = self.served.faults.pop(0) if self.served.faults else ""
        content = self.served.files.get(self.path.partition("?")[0])
        tag = f'"{hash(content)}"'
        if fault == "503" or content is None:
            self._send(503 if fault else 404)
        elif self.headers.get("If-None-Match") == tag:
            self._send(304)
        else:
            self._send(200, {"Content-Length": str(len(content)), "ETag": tag})
            self.wfile.write(content[: len(content) // 2] if fault == "cut" else content)

    def _send(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.served.statuses.append(status)
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *values: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    monkeypatch.setenv("MLZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "_WAITS", (0.0, 0.0, 0.0))
    download.local_copy.cache_clear()
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()
    download.local_copy.cache_clear()


def _asked_again(address: str) -> Path:
    download.local_copy.cache_clear()
    return expand(address)


def test_a_table_is_read_from_its_address_and_downloaded_once(server: Server) -> None:
    address = server.address("/data.csv")
    assert len(read(config(address)).targets) == 30
    assert server.statuses == [200]
    assert _asked_again(address).read_text() == TABLE
    assert server.statuses == [200, 304], "a copy that is still right is not downloaded again"
    server.files["/data.csv"] = b"a,kind\n1,x\n"
    assert _asked_again(address).read_bytes() == b"a,kind\n1,x\n"


def test_faults_are_tried_again_and_leave_nothing_half_written(server: Server) -> None:
    address = server.address("/data.csv")
    server.faults = ["503", "cut", "503"]
    assert expand(address).read_text() == TABLE
    assert server.statuses == [503, 200, 503, 200]
    server.faults = ["503"] * 4
    assert _asked_again(address).read_text() == TABLE, "the copy stands in for what can't be had"
    server.files["/other.csv"] = TABLE.encode()
    server.faults = ["cut"] * 4
    other = server.address("/other.csv?token=secret")
    with pytest.raises(ResourceError, match="the connection was cut after") as error:
        expand(other)
    assert "secret" not in str(error.value) and "4 tries" in str(error.value)
    left = [p.name for p in download.cache_folder().rglob("*") if p.is_file()]
    assert sorted(left) == ["data.csv", "source.json"]


def test_what_is_not_there_is_told_at_once(server: Server) -> None:
    with pytest.raises(DataError, match="answers 404 Not Found; check the address"):
        expand(server.address("/none.csv"))
    assert server.statuses == [404]
    server.files["/a/.."] = TABLE.encode()
    kept = expand(server.address("/a/.."))
    assert kept.name == "data" and kept.read_text() == TABLE, "no folder of the cache is named"
    with pytest.raises(UsageError, match="must hold no user and password"):
        expand("https://me:secret@127.0.0.1/data.csv")


def test_an_archive_becomes_a_folder_that_holds_nothing_else(
    server: Server, tmp_path: Path
) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("rides/a.csv", TABLE)
        file.writestr("rides/../../outside.csv", TABLE)
    server.files["/rides.zip"] = content.getvalue()
    folder = expand(server.address("/rides.zip"))
    assert list(folder.rglob("a.csv"))
    assert not list(tmp_path.glob("outside.csv")) and not list(tmp_path.parent.glob("outside.csv"))
    server.files["/bad.zip"] = b"no archive"
    with pytest.raises(DataError, match="can't be unpacked"):
        expand(server.address("/bad.zip"))


def test_a_store_is_read_by_fsspec(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/data.csv", TABLE.encode())
    memory.pipe("/bucket/rides/a.csv", TABLE.encode())
    monkeypatch.setattr(download, "_STORES", ("memory",))
    assert expand("memory://bucket/data.csv").read_text() == TABLE
    assert (expand("memory://bucket/rides") / "a.csv").read_text() == TABLE
    with pytest.raises(DataError, match="there is nothing"):
        expand("memory://bucket/none.csv")


@pytest.mark.slow
def test_a_run_keeps_the_address_of_its_data(server: Server, tmp_path: Path) -> None:
    fields = {"epochs": 1, "baselines": "none", "pictures": "none", "set": {"hidden": [4]}}
    address = server.address("/data.csv")
    run = mlzoo.train("mlp", address, out=str(tmp_path / "runs"), **fields)
    assert run.path.name == "mlp-data" and run.config.data == address
    assert run.evaluate()["metrics"] == run.metrics["test"]["metrics"]
    with pytest.raises(UsageError, match="must be a folder of this machine"):
        mlzoo.train("mlp", address, out="s3://bucket/runs", **fields)
