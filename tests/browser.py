"""Headless Chromium through its DevTools pipe: no driver, no package, no network."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def program() -> str | None:
    """A Chromium on this machine; CHROMIUM names another."""
    asked = os.environ.get("CHROMIUM")
    return asked or next((path for path in map(shutil.which, PROGRAMS) if path), None)


def checks() -> str:
    """A script for a page: axe-core and `serious()`, `faint()`, `nameless()` of tests/checks.js."""
    found = importlib.util.find_spec("axe_core_python")
    if found is None or not found.submodule_search_locations:
        pytest.skip("axe-core-python is not installed")
    axe = Path(found.submodule_search_locations[0]) / "axe.min.js"
    own = Path(__file__).with_name("checks.js")
    return f"{axe.read_text(encoding='utf-8')};{own.read_text(encoding='utf-8')};1"


needs_chromium = pytest.mark.skipif(
    program() is None, reason="no Chromium on this machine (Debian: apt install chromium)"
)


class Browser:
    """A running Chromium with one page. All that it asks for or complains of is kept."""

    def __enter__(self) -> Browser:
        found = program()
        assert found is not None
        self._home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        (read, write), (own_read, own_write) = os.pipe(), os.pipe()
        # Chromium reads commands from descriptor 3 and writes answers to 4.
        ends = f"exec {found} {' '.join(_FLAGS)} --user-data-dir={self._home.name} about:blank"
        self._process = subprocess.Popen(
            ["bash", "-c", f"{ends} 3<&{read} 4>&{own_write}"],
            pass_fds=(read, own_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(own_write)
        self._to, self._from = os.fdopen(write, "wb"), os.fdopen(own_read, "rb")
        self._number, self._session, self._text = 0, "", bytearray()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        pages = self.call("Target.getTargets")["targetInfos"]
        target = next(page["targetId"] for page in pages if page["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._to.close()
        self._from.close()
        self._process.terminate()
        self._process.wait()
        self._home.cleanup()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        for answer in self._messages():
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)
        raise AssertionError("Chromium ended")

    def open(
        self, path: Path | str, width: int = 1440, height: int = 900, dark: bool = False
    ) -> None:
        """Open a file or an address, and wait until it is loaded."""
        mobile = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.requests.clear()
        self.complaints.clear()
        self.call("Page.navigate", url=path if isinstance(path, str) else path.resolve().as_uri())
        loaded = "document.readyState === 'complete' ? 1 : new Promise(r => addEventListener("
        self.run(f"{loaded}'load', () => r(1)))")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        found = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def key(self, name: str) -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name)

    def point(self, x: float, y: float) -> None:
        """Move the mouse."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def picture(self, path: Path) -> Path:
        """A picture of the whole page as it is now."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))
        return path

    def _messages(self) -> Iterator[dict[str, Any]]:
        """What Chromium says, as it comes; ends where Chromium does."""
        while True:
            while (end := self._text.find(b"\0")) >= 0:
                message = bytes(self._text[:end])
                del self._text[: end + 1]
                yield json.loads(message)
            piece = self._from.read1(65536)  # type: ignore[attr-defined]
            if not piece:
                return
            self._text += piece

    def _note(self, message: dict[str, Any]) -> None:
        method, found = message.get("method", ""), message.get("params", {})
        if method == "Network.requestWillBeSent":
            address = found["request"]["url"]
            if not address.startswith("data:"):
                self.requests.append(address)
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(found["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and found["type"] in ("error", "assert"):
            self.complaints.append(str(found["args"]))
        elif method == "Log.entryAdded" and found["entry"]["level"] == "error":
            self.complaints.append(str(found["entry"]["text"]))


@contextmanager
def opened(path: Path, **settings: Any) -> Iterator[Browser]:
    """A browser with a file open in it."""
    with Browser() as browser:
        browser.open(path, **settings)
        yield browser
