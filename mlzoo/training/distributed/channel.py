"""Messages between the process of rank 0 and each of the others, over TCP.

Beside collective operations, which know nothing of a process that has died or frozen, each process
tells that it lives, why it fails and that it is done. A message is a kind (one byte), a length
(eight bytes) and its content. Nothing that arrives is run or unpickled.
"""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from mlzoo.core.errors import (
    DataError,
    DivergedError,
    MlzooError,
    ResourceError,
    UsageError,
)


class ProcessLost(ResourceError):
    """Another process of the training, or the connection to it, was lost."""


KINDS = (UsageError, DataError, ResourceError, DivergedError, ProcessLost)
"""Errors that another process repeats as what they are."""
HELLO, BEAT, DATA, FAILED, STOP, DONE = b"h", b"b", b"d", b"f", b"s", b"e"
_HEAD = struct.Struct("!cQ")
_LONGEST_HELLO, _LONGEST_ANSWER = 2**16, 2**20
BEAT_SECONDS = 1.0
"""Seconds between two signs of life."""
SILENCE = 60.0
"""Seconds without any after which a process counts as lost."""
JOIN_SECONDS = 300.0
"""Seconds that processes wait for each other at the start."""
HELLO_SECONDS = 5.0
"""Seconds that a process has to say who it is, once it is connected."""
_PIECE = 2**20
"""Bytes that are sent or received at once at most."""


class ConnectionLost(Exception):
    """The other side has closed the connection, or reported nothing for too long."""


class Peer:
    """Connection to another process.

    Args:
        connection: connected.
        rank: of the other process.
    """

    def __init__(self, connection: socket.socket, rank: int) -> None:
        self.rank = rank
        self.received: queue.Queue[bytes | None] = queue.Queue()
        self.done = False
        self._connection, self._sending = connection, threading.Lock()
        self._broken = ""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(SILENCE)

    def send(self, kind: bytes, content: bytes = b"") -> None:
        """Send a message; that the other side is gone shows where its answers are read."""
        with self._sending:
            self._write(kind, content)

    def beat(self) -> None:
        """Send a sign of life, unless a message that is being sent is one."""
        if self._sending.acquire(blocking=False):
            try:
                self._write(BEAT, b"")
            finally:
                self._sending.release()

    def _write(self, kind: bytes, content: bytes) -> None:
        """Send a message in pieces, each within `SILENCE`; after a torn one nothing is sent."""
        if self._broken:
            return
        rest = memoryview(content)
        try:
            self._connection.sendall(_HEAD.pack(kind, len(content)))
            for start in range(0, len(content), _PIECE):
                self._connection.sendall(rest[start : start + _PIECE])
        except TimeoutError:
            self._broken = f"it took nothing for {SILENCE:.0f} s"
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            self._broken = "it has ended"
            self.close()

    def read(self, most: int = 2**63, seconds: float | None = None) -> tuple[bytes, bytes]:
        """Return the next message: kind and content.

        Args:
            most: bytes of the content.
            seconds: for the whole message; None: `SILENCE` for each piece.

        Raises:
            ConnectionLost: there is none any more.
        """
        last = None if seconds is None else time.monotonic() + seconds
        kind, length = _HEAD.unpack(self._bytes(_HEAD.size, last))
        if length > most:
            raise ConnectionLost(f"a message of {length} bytes")
        content = self._bytes(length, last)
        if last is not None:
            self._connection.settimeout(SILENCE)
        return kind, content

    def _bytes(self, count: int, last: float | None) -> bytes:
        parts = []
        while count:
            try:
                if last is not None:
                    if (left := last - time.monotonic()) <= 0:
                        raise TimeoutError
                    self._connection.settimeout(left)
                part = self._connection.recv(min(count, _PIECE))
            except TimeoutError:
                silent = "no sign of life for" if last is None else "no answer within"
                seconds = SILENCE if last is None else JOIN_SECONDS + SILENCE
                raise ConnectionLost(f"it gave {silent} {seconds:.0f} s") from None
            except OSError as error:
                raise ConnectionLost(f"it has ended ({error.strerror or error})") from None
            if not part:
                raise ConnectionLost(self._broken or "it has ended")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Tell the other side that nothing more is sent; what was sent still arrives."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)


class Channel:
    """Connections of a process to the others: of rank 0 to all, of all others to rank 0.

    Args:
        rank: of this process.
        world: number of processes.
        coordinator: address of rank 0, HOST:PORT.
        facts: what must be equal in all processes, by a name for people.
        ended: called once, in a thread, with the rank and the record of a failure, when another
            process fails or is lost.

    Raises:
        UsageError: processes were started differently; all of them say so.
        ResourceError: a process did not come in time, or the address can't be used.
    """

    def __init__(
        self,
        rank: int,
        world: int,
        coordinator: str,
        facts: Mapping[str, str],
        ended: Callable[[int, Mapping[str, Any]], None],
    ) -> None:
        self.rank, self.world = rank, world
        self.host, _, port = coordinator.rpartition(":")
        self.stop_signal = 0
        """Signal by which another process was asked to stop."""
        self._ended, self._over = ended, threading.Event()
        hello = {"rank": rank, "world": world, "facts": dict(facts)}
        meet = self._welcome if rank == 0 else self._visit
        self.peers: list[Peer] = meet(int(port), hello)
        self._threads = [threading.Thread(target=self._beat, daemon=True)]
        self._threads += [
            threading.Thread(target=self._listen, args=(peer,), daemon=True) for peer in self.peers
        ]
        for thread in self._threads:
            thread.start()

    # Meeting

    def _welcome(self, port: int, hello: Mapping[str, Any]) -> list[Peer]:
        """Wait for all other processes, and compare what they say of themselves."""
        where = ("127.0.0.1" if self.host in ("127.0.0.1", "localhost") else "", port)
        try:
            server = socket.create_server(where, backlog=self.world + 16)
        except OSError as error:
            raise ResourceError(
                f"--coordinator {self.host}:{port}: rank 0 can't wait there "
                f"({error.strerror or error}); choose another port of this machine"
            ) from None
        peers: dict[int, Peer] = {}
        last = time.monotonic() + JOIN_SECONDS
        with server:
            while len(peers) < self.world - 1:
                server.settimeout(max(last - time.monotonic(), 0.01))
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    missing = [str(r) for r in range(1, self.world) if r not in peers]
                    many = "s" if len(missing) > 1 else ""
                    raise self._refused(
                        peers.values(),
                        ResourceError(
                            f"rank{many} {', '.join(missing)} did not come to {self.host}:{port} "
                            f"within {JOIN_SECONDS:.0f} s; start the same command with each --rank "
                            f"below --world {self.world}"
                        ),
                    ) from None
                peer = Peer(connection, -1)
                try:
                    seconds = min(HELLO_SECONDS, last - time.monotonic())
                    reported = _hello(*peer.read(_LONGEST_HELLO, seconds))
                except (ConnectionLost, ValueError):
                    connection.close()  # something else that looks for open ports
                    continue
                peer.rank = reported["rank"]
                if problem := self._difference(reported, hello, peer.rank in peers):
                    raise self._refused([*peers.values(), peer], UsageError(problem))
                peers[peer.rank] = peer
        for peer in peers.values():
            peer.send(HELLO)
        return [peers[rank] for rank in sorted(peers)]

    def _difference(self, reported: Mapping[str, Any], own: Mapping[str, Any], twice: bool) -> str:
        rank = reported["rank"]
        if reported["world"] != own["world"]:
            return (
                f"rank {rank} was started with --world {reported['world']}, and rank 0 with "
                f"--world {own['world']}; start all with the same"
            )
        if rank == 0 or twice:
            return f"two processes were started with --rank {rank}; start one of each"
        return difference(rank, reported["facts"], own["facts"])

    def _refused(self, peers: Any, error: MlzooError) -> MlzooError:
        for peer in peers:
            peer.send(FAILED, failure_record(error))
            peer.close()
        return error

    def _visit(self, port: int, hello: Mapping[str, Any]) -> list[Peer]:
        """Connect to rank 0 as soon as it waits, and hear whether it takes this process."""
        last = time.monotonic() + JOIN_SECONDS
        while True:
            try:
                connection = socket.create_connection((self.host, port), timeout=10)
                if connection.getsockname() != connection.getpeername():
                    break
                connection.close()  # a port that nobody waits at may connect to itself
                raise ConnectionRefusedError("nothing waits there")
            except OSError as error:
                if time.monotonic() > last:
                    raise ResourceError(
                        f"--coordinator {self.host}:{port}: rank 0 did not answer within "
                        f"{JOIN_SECONDS:.0f} s ({error.strerror or error}); start it there, or "
                        "correct the address"
                    ) from None
                time.sleep(0.1)
        peer = Peer(connection, 0)
        peer.send(HELLO, json.dumps(hello).encode())
        try:
            # Rank 0 waits for others first.
            kind, content = peer.read(_LONGEST_ANSWER, JOIN_SECONDS + SILENCE)
        except ConnectionLost as error:
            raise ProcessLost(f"rank 0 was lost while processes were joining: {error}") from None
        if kind == FAILED:
            raise error_of(0, json.loads(content))
        if kind != HELLO:
            raise ResourceError(
                f"--coordinator {self.host}:{port}: what answers there is not rank 0 of a "
                "training; correct the address"
            )
        return [peer]

    # While processes work

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            for peer in self.peers:
                peer.beat()

    def _listen(self, peer: Peer) -> None:
        while True:
            try:
                kind, content = peer.read()
            except ConnectionLost as error:
                if not peer.done and not self._over.is_set():
                    self.fail(peer.rank, lost_record(peer.rank, str(error)))
                peer.received.put(None)
                return
            if kind == DATA:
                peer.received.put(content)
            elif kind == FAILED:
                record = json.loads(content)
                self.fail(int(record["rank"]), record)
            elif kind == STOP:
                self.stop_signal = int(content)
            elif kind == DONE:
                peer.done = True

    def fail(self, rank: int, record: Mapping[str, Any]) -> None:
        """Tell all other processes of a failure, and this one, unless something failed before."""
        if self._over.is_set():
            return
        self._over.set()
        content = json.dumps({**record, "rank": rank}).encode()
        for peer in self.peers:
            if peer.rank != rank:
                peer.send(FAILED, content)
        if rank != self.rank:
            self._ended(rank, record)
        for peer in self.peers:
            peer.received.put(None)

    def ask_stop(self, number: int) -> None:
        """Ask rank 0 to stop all, for a signal that came here."""
        self.peers[0].send(STOP, str(number).encode())

    def leave(self) -> None:
        """Leave well: the others need nothing of this process any more."""
        for peer in self.peers:
            peer.send(DONE)
        self._over.set()
        self.close()

    def close(self) -> None:
        """Send nothing more; wait a little until the others have what was sent."""
        for peer in self.peers:
            peer.close()
        if self.rank == 0:
            last = time.monotonic() + 2
            for thread in self._threads[1:]:
                thread.join(max(last - time.monotonic(), 0))


def _hello(kind: bytes, content: bytes) -> dict[str, Any]:
    """Return what a process says of itself: rank, world and facts.

    Raises:
        ValueError: the message is none that a process of a training sends.
    """
    try:
        reported = json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if kind != HELLO or not isinstance(reported, dict):
        raise ValueError("no hello")
    rank, world, facts = (reported.get(name) for name in ("rank", "world", "facts"))
    if type(rank) is not int or type(world) is not int or not 0 <= rank < world:
        raise ValueError("no rank of a world")
    if not isinstance(facts, dict) or not all(isinstance(fact, str) for fact in facts.values()):
        raise ValueError("no facts")
    return reported


def difference(rank: int, theirs: Mapping[str, str], own: Mapping[str, str]) -> str:
    """Return in what a process differs from rank 0; "" where in nothing."""
    differing = [name for name in {**own, **theirs} if own.get(name) != theirs.get(name)]
    if not differing:
        return ""
    listed = "; ".join(
        f"{name}: {theirs.get(name, 'none')} on rank {rank}, {own.get(name, 'none')} on rank 0"
        for name in differing
    )
    return f"the processes differ, so that they can't train one model: {listed}; make them equal"


def failure_record(error: BaseException, rank: int = 0) -> bytes:
    """Return what other processes are told of an error."""
    kind = type(error) if isinstance(error, MlzooError) else MlzooError
    record = {"rank": rank, "kind": kind.__name__, "text": str(error)}
    if isinstance(error, DivergedError):
        record["facts"] = {**error.facts, "rank": rank}
    return json.dumps({**record, "signal": getattr(error, "signal", 0)}).encode()


def lost_record(rank: int, reason: str) -> dict[str, Any]:
    """Return the record of a process that was lost."""
    text = f"the process was lost: {reason}"
    return {"rank": rank, "kind": ProcessLost.__name__, "text": text, "signal": 0}


def error_of(rank: int, record: Mapping[str, Any]) -> MlzooError:
    """Return the failure of another process as an error of this one."""
    kind = {each.__name__: each for each in KINDS}.get(str(record["kind"]), MlzooError)
    text = f"rank {rank}: {record['text']}"
    return DivergedError(text, record["facts"]) if "facts" in record else kind(text)


def free_port(host: str) -> int:
    """Return a port of this machine that nothing uses."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
