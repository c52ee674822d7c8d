"""Worker on a machine of a Ray cluster: an actor that runs one process of a training.

It outlives that process and tells how it ended. Ray calls its methods in threads.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core.files import real_path
from mlzoo.training.distributed.channel import free_port
from mlzoo.training.workers.shipping import changed_files, unpack

if TYPE_CHECKING:
    from mlzoo.training.workers.member import Order

Message = dict[str, Any]
"""Report of a worker or its process: plain values, by name."""
THREADS = 6
"""Calls that a worker takes at once."""
_WAIT = 5.0
"""Seconds that a call waits for something to report."""
_LAST_LINES = 30


class RayWorker:
    """Runner of a process of a training.

    Args:
        environment: variables that the process gets beside those of the worker; None removes one.
    """

    member = "mlzoo.training.workers.member"
    """Module that the process runs."""

    def __init__(self, environment: Mapping[str, str | None]) -> None:
        self._events: queue.Queue[Message] = queue.Queue()
        self._process: subprocess.Popen[str] | None = None
        self._scratch = real_path(tempfile.mkdtemp(prefix="mlzoo-worker-"))
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        paths = os.pathsep.join(path for path in sys.path if path)
        merged = {**os.environ, "PYTHONPATH": paths, **environment}
        self._environment = {name: value for name, value in merged.items() if value is not None}

    def facts(self, token: str, content: str) -> Message:
        """Return where this worker is: node, host, a free port, whether it shares the disk.

        Args:
            token: file that was written where the command was given.
            content: what it holds.
        """
        import ray

        with contextlib.suppress(OSError):
            shared = Path(token).read_text() == content
            return {**self._address(ray), "shared": shared}
        return {**self._address(ray), "shared": False}

    def _address(self, ray: Any) -> Message:
        node = ray.get_runtime_context().get_node_id()
        return {"node": node, "host": ray.util.get_node_ip_address(), "port": free_port("")}

    def receive(self, pieces: Sequence[Any]) -> str:
        """Unpack files that were sent in pieces (references to bytes); return their folder."""
        import ray

        folder = self._scratch / "shipped"
        unpack((ray.get(piece) for piece in pieces), folder)
        return str(folder)

    def start(self, order: Order) -> int:
        """Start the process; return its number."""
        Path(order["folder"]).mkdir(parents=True, exist_ok=True)
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", self.member],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=self._environment,
            cwd=self._scratch,
            start_new_session=True,  # Ctrl-C is for whoever gave the order
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps({**order, "scratch": str(self._scratch)}) + "\n")
        process.stdin.flush()
        threading.Thread(target=self._listen, daemon=True).start()
        return process.pid

    def _listen(self) -> None:
        process = self._process
        assert process is not None and process.stdout is not None and process.stderr is not None
        errors = threading.Thread(target=self._keep, args=(process.stderr,), daemon=True)
        errors.start()
        for line in process.stdout:
            with contextlib.suppress(ValueError):  # a line that a kill has torn
                self._events.put(json.loads(line))
        code = process.wait()
        errors.join(1)
        self._events.put({"ended": code, "last": list(self._last)})

    def _keep(self, stream: Any) -> None:
        for line in stream:
            self._last.append(line.rstrip())
            if os.environ.get("MLZOO_DEBUG"):
                print(line, end="", file=sys.stderr, flush=True)

    def read(self) -> list[Message]:
        """Return what the process has reported since the last call; wait a little for it."""
        events = []
        with contextlib.suppress(queue.Empty):
            events.append(self._events.get(timeout=_WAIT))
            while True:
                events.append(self._events.get_nowait())
        return events

    def signal(self, number: int) -> None:
        """Send a signal to the process."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def collect(self, folder: str, known: Mapping[str, Any]) -> Message:
        """Return the files of a run folder that are new, and the names of all.

        Args:
            folder: the run's, as the machine that gave the order knows it.
            known: state of each file that was collected before.
        """
        place = Path(folder)
        return changed_files(self._scratch / "shipped" / place.relative_to(place.anchor), known)

    def close(self) -> None:
        """End the process and remove what was written here."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)
