"""Requests a second, latency, cold start, memory and size of a packed model, beside LitServe.

Both serve the same ONNX file of a zoo model for the same rows, LitServe by an API of a few lines,
without batches and with those of up to 64 rows that wait a millisecond. The server has one core,
the client another; each gets `--requests` over 64 connections, in turn, and the median of the
rounds is printed. Environments of their own are made in `--work` (from the package index; they are
kept there). Whether memory stays flat, of `mlzoo serve` too, is shown by `--servers packed,serve
--connections 32 --requests 20000`.

    python benchmarks/pack.py [--model mlp-wine] [--requests 5000] [--rounds 3] [--work FOLDER]
                              [--servers packed,litserve]
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WARM_UP = 500
PORT = object()
"""Stands for the port in the words of a command."""
Numbers = dict[str, float]
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
PEER = """
import json, sys
from pathlib import Path
import litserve as ls
import numpy as np
import onnxruntime

class API(ls.LitAPI):
    def setup(self, device):
        folder = Path(sys.argv[1])
        self.facts = json.loads((folder / "model.json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
        self.input = self.session.get_inputs()[0].name

    def decode_request(self, request):
        names = [column["name"] for column in self.facts["columns"]]
        return np.array([request[name] for name in names], np.float32)

    def batch(self, inputs):
        return np.stack(inputs)

    def predict(self, x):
        if x.ndim == 1:
            return self.session.run(None, {self.input: x[None]})[0][0]
        return self.session.run(None, {self.input: x})[0]

    def unbatch(self, outputs):
        return list(outputs)

    def encode_response(self, output):
        classes, values = self.facts["classes"], output.astype(float).tolist()
        named = dict(zip(classes, values))
        return {"prediction": classes[values.index(max(values))], "probabilities": named}

if __name__ == "__main__":
    most = int(sys.argv[3])
    api = API(max_batch_size=most, batch_timeout=0.001 if most > 1 else 0.0)
    server = ls.LitServer(api, accelerator="cpu")
    server.run(port=int(sys.argv[2]), host="127.0.0.1", generate_client_file=False,
               log_level="warning", access_log=False)
"""


class Client(asyncio.Protocol):
    """One connection that asks for the same again and again until the count is used up."""

    def __init__(self, request: bytes, left: list[int], seconds: list[float]) -> None:
        self._request, self._left, self._seconds = request, left, seconds
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        if not self._left[0]:
            self._transport.close()
            self.done.set_result(None)
            return
        self._left[0] -= 1
        self._buffer, self._start = b"", time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take what came; ask again once the answer is whole."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        if len(body) < int(length):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"refused: {self._buffer!r}")
        self._seconds.append(time.perf_counter() - self._start)
        self._ask()


async def load(
    port: int, body: bytes, requests: int, connections: int
) -> tuple[float, list[float]]:
    """Return the seconds that all requests took, and those of each."""
    head = f"POST /predict HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    left, seconds = [requests], []
    start = time.perf_counter()
    loop, clients = asyncio.get_running_loop(), []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: Client(request, left, seconds), "127.0.0.1", port
        )
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    return time.perf_counter() - start, seconds


def free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


def start(command: list[str], folder: Path, port: int) -> tuple[subprocess.Popen[bytes], float]:
    """Return a server that answers, and the seconds until it did."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {cores()[0]}),
    )
    while time.perf_counter() - begin < 120:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as each:
                each.sendall(
                    b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                if each.recv(12).endswith(b"200"):
                    return process, time.perf_counter() - begin
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"{command} does not answer")


def cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def spent(process: int) -> tuple[float, float]:
    """Return the seconds of CPU and resident MB of a process and all below it."""
    import psutil

    top = psutil.Process(process)
    tree = [top, *top.children(recursive=True)]
    seconds = sum(each.cpu_times().user + each.cpu_times().system for each in tree)
    return seconds, sum(each.memory_info().rss for each in tree) / 1e6


def measured(
    command: list[str], folder: Path, port: int, body: bytes, requests: int, connections: int
) -> Numbers:
    """Start a server, ask it, and stop it with all that it started."""
    process, seconds = start(command, folder, port)
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cores()[-1]})
    try:
        asyncio.run(load(port, body, WARM_UP, connections))
        cpu, before = spent(process.pid)
        took, times = asyncio.run(load(port, body, requests // 2, connections))
        _, half = spent(process.pid)
        rest, more = asyncio.run(load(port, body, requests - requests // 2, connections))
        cpu_after, after = spent(process.pid)
    finally:
        os.sched_setaffinity(0, all_cores)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    times, took = sorted(times + more), took + rest
    return {
        "requests/s": requests / took,
        "requests/CPU s": requests / (cpu_after - cpu),
        "p50 ms": 1000 * times[len(times) // 2],
        "p99 ms": 1000 * times[int(0.99 * len(times))],
        "start s": seconds,
        "MB at first": before,
        "MB halfway": half,
        "MB at last": after,
    }


def environment(folder: Path, packages: list[str]) -> tuple[Path, float]:
    """Return the Python of an environment, made if it is not there, and its size in MB.

    pip and setuptools, which no server needs, do not count.
    """
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        (folder / "installed").touch()
    site = next(folder.glob("lib/python*/site-packages"))
    left_out = ("pip", "setuptools", "_distutils_hack", "pkg_resources")
    counted = (path for path in site.rglob("*") if path.is_file())
    size = sum(
        path.stat().st_size
        for path in counted
        if path.relative_to(site).parts[0].split("-")[0] not in left_out
    )
    return python, size / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="mlp-wine", help="a zoo model of a table with classes")
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64, help="fewer than 64 for serve")
    parser.add_argument("--servers", default="packed,litserve", help="of packed, litserve, serve")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "mlzoo-pack")
    given = parser.parse_args()
    servers = given.servers.split(",")
    if unknown := sorted(set(servers) - {"packed", "litserve", "serve"}):
        parser.error(f"--servers {','.join(unknown)}: there are packed, litserve and serve")

    from mlzoo.packing.pack import pack
    from mlzoo.runs import zoo

    work = given.work.resolve()
    packed = work / given.model
    record = pack(zoo.find(given.model), output=packed, overwrite=packed.exists())
    print(f"answers differ from mlzoo predict by {record['largest']:.2g} at most")
    body = (packed / "examples" / "sample.json").read_bytes()
    commands: dict[str, list[str]] = {}
    ports: dict[str, int] = {}
    sizes: dict[str, float] = {}

    def add(name: str, size: float, *words: object) -> None:
        ports[name], sizes[name] = free_port(), size
        commands[name] = [str(ports[name] if word is PORT else word) for word in words]

    if "packed" in servers:
        requirements = ["--no-deps", "-r", str(packed / "requirements.txt")]
        own, size = environment(work / "packed", requirements)
        add("packed", size, own, "-m", "served", "--port", PORT)
    if "serve" in servers:
        run = zoo.find(given.model)
        add("serve", math.nan, sys.executable, "-m", "mlzoo", "serve", run, "--port", PORT)
    if "litserve" in servers:
        wanted = ("numpy=", "onnxruntime")
        pinned = [line for line in record["requirements"] if line.startswith(wanted)]
        lit, size = environment(work / "litserve", ["litserve", *pinned])
        (work / "peer.py").write_text(PEER)
        for batch in (1, 64):
            add(f"litserve {batch}", size, lit, work / "peer.py", packed, PORT, batch)
    rounds: dict[str, list[Numbers]] = {name: [] for name in commands}
    for _ in range(given.rounds):
        for name, command in commands.items():
            sent = body, given.requests, given.connections
            rounds[name].append(measured(command, packed, ports[name], *sent))
    print(
        f"{given.model}: {given.requests} requests over {given.connections} connections; medians of"
    )
    print(f"{given.rounds} rounds; requests per second of the server's CPU do not depend on what")
    print("else the machine does")
    print(f"{'':18}{''.join(f'{name:>12}' for name in commands)}")
    for key in next(iter(rounds.values()))[0]:
        medians = [statistics.median(each[key] for each in rounds[name]) for name in commands]
        print(f"{key:18}{''.join(f'{value:12.4g}' for value in medians)}")
    print(f"{'site-packages MB':18}{''.join(f'{sizes[name]:12.4g}' for name in commands)}")


if __name__ == "__main__":
    main()
