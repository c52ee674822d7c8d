"""What processes that train together tell each other, with threads in place of processes."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mlzoo.core.configs import RunConfig, from_options
from mlzoo.core.errors import DataError, Interrupted, MlzooError, ResourceError, UsageError
from mlzoo.runs.run_folder import RunFolder
from mlzoo.training.distributed import channel, group, joining
from mlzoo.training.distributed.group import Group
from mlzoo.training.distributed.settings import Machines
from tests.cli.shell import run_mlzoo

FACTS = {"version of jax": "1", "--epochs": "3"}


def together(
    *started: tuple[int, int, Mapping[str, str]], work: Callable[[Group], Any] | None = None
) -> list[Any]:
    """What each process returns or raises: (rank, world, facts), then `work` on its group."""
    port = channel.free_port("127.0.0.1")
    results: list[Any] = [None] * len(started)

    def run(place: int, rank: int, world: int, facts: Mapping[str, str]) -> None:
        processes = Group(rank, world)
        error: BaseException | None = None
        try:
            address = f"127.0.0.1:{port}"
            processes.channel = channel.Channel(rank, world, address, facts, processes.ended)
            results[place] = work(processes) if work else "joined"
        except BaseException as failure:
            error = failure
        if (told := processes.leave(error)) is not None:
            results[place] = told

    threads = [threading.Thread(target=run, args=(n, *given)) for n, given in enumerate(started)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_what_rank_0_has_reaches_all_and_what_all_have_reaches_rank_0() -> None:
    def work(processes: Group) -> Any:
        gathered = processes.gather(bytes([processes.rank]))
        shared = processes.share(b"x" * 2**21 if processes.rank == 0 else b"")
        return gathered, len(shared)

    results = together(*[(rank, 3, FACTS) for rank in range(3)], work=work)
    assert results == [([b"\0", b"\1", b"\2"], 2**21), ([], 2**21), ([], 2**21)]


def test_scores_of_all_are_one_mean_in_the_order_of_one_process() -> None:
    parts = [({"loss": 0.1 * n}, 3 if n < 4 else 1) for n in range(5)]

    def work(processes: Group) -> Any:
        return processes.mean_scores(parts[processes.rank :: 2])

    assert together((0, 2, FACTS), (1, 2, FACTS), work=work) == [group.mean_scores(parts)] * 2
    assert group.mean_scores(parts)["loss"] == pytest.approx(2.2 / 13)


@pytest.mark.parametrize(
    ("world", "facts", "said"),
    [
        (3, FACTS, "rank 1 was started with --world 3, and rank 0 with --world 2"),
        (2, {**FACTS, "--epochs": "5"}, "differ.*--epochs: 5 on rank 1, 3 on rank 0; make"),
        (2, {"--epochs": "3"}, "version of jax: none on rank 1, 1 on rank 0"),
    ],
)
def test_what_differs_is_named_in_all_processes(
    world: int, facts: Mapping[str, str], said: str
) -> None:
    for error in together((0, 2, FACTS), (1, world, facts)):
        with pytest.raises(UsageError, match=said):
            raise error


def test_a_rank_that_is_there_twice_is_refused() -> None:
    for error in together((0, 3, FACTS), (1, 3, FACTS), (1, 3, FACTS)):
        with pytest.raises(UsageError, match="two processes were started with --rank 1"):
            raise error


def test_facts_that_are_known_later_are_compared_too() -> None:
    def work(processes: Group) -> None:
        processes.agree({"fingerprint of the data": "ab" if processes.rank else "cd"})

    for error in together((0, 2, FACTS), (1, 2, FACTS), work=work):
        with pytest.raises(UsageError, match="fingerprint of the data: ab on rank 1, cd on rank 0"):
            raise error


@pytest.mark.parametrize("failing", [0, 2])
@pytest.mark.parametrize("error", [DataError("no such file"), Interrupted("stopped", 15, "again")])
def test_a_failure_ends_all_with_its_reason(failing: int, error: BaseException) -> None:
    def work(processes: Group) -> None:
        if processes.rank == failing:
            raise error
        processes.share()

    results = together(*[(rank, 3, FACTS) for rank in range(3)], work=work)
    for rank, told in enumerate(results):
        assert type(told) is type(error)
        if rank != failing:
            assert str(told).startswith(f"rank {failing}: {str(error)[:7]}")


def test_a_process_that_vanishes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "_PATIENCE", 0.5)

    def work(processes: Group) -> None:
        assert processes.channel is not None
        if processes.rank == 1:
            processes.channel._over.set()
            processes.channel.peers[0]._connection.close()  # as the system does where one is killed
            raise RuntimeError
        processes.share()

    told, _ = together((0, 2, FACTS), (1, 2, FACTS), work=work)
    with pytest.raises(ResourceError, match="rank 1: the process was lost: it has ended"):
        raise told


def test_a_process_that_freezes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    noticed = threading.Event()

    def work(processes: Group) -> None:
        assert processes.channel is not None
        if processes.rank == 1:
            processes.channel._over.set()  # neither tells nor notices anything from here on
            noticed.wait()
            return
        try:
            processes.share()
        finally:
            noticed.set()

    monkeypatch.setattr(channel, "SILENCE", 1.0)
    monkeypatch.setattr(channel, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(group, "_PATIENCE", 0.1)
    monkeypatch.setattr(group.os, "_exit", lambda code: None)
    told, _ = together((0, 2, FACTS), (1, 2, FACTS), work=work)
    with pytest.raises(ResourceError, match="rank 1: .* no sign of life for 1 s"):
        raise told


def test_a_signal_anywhere_stops_rank_0() -> None:
    def work(processes: Group) -> int:
        if processes.rank:
            assert processes.signal(15) == 0
            processes.share()
            return 0
        while not (number := processes.signal(0)):
            pass
        processes.share()
        return number

    assert together((0, 2, FACTS), (1, 2, FACTS), work=work) == [15, 0]


def test_nobody_is_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "JOIN_SECONDS", 0.2)
    [alone] = together((0, 3, FACTS))
    with pytest.raises(ResourceError, match="ranks 1, 2 did not come to 127.0.0.1:.* --world 3"):
        raise alone
    [lost] = together((1, 2, FACTS))
    with pytest.raises(ResourceError, match="rank 0 did not answer within 0 s .*start it there"):
        raise lost


def message(kind: bytes, content: object) -> bytes:
    """A message as a stranger may send it."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return channel._HEAD.pack(kind, len(text)) + text


KNOCKS = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"",  # says nothing, and stays
    message(channel.HELLO, {"rank": 1}),
    message(channel.HELLO, b"[" * 60_000),
    message(channel.HELLO, {"rank": float("inf"), "world": 2, "facts": {}}),
    message(channel.HELLO, {"rank": True, "world": 2, "facts": FACTS}),
    message(channel.HELLO, {"rank": 1, "world": 2, "facts": 3}),
    message(channel.HELLO, {"rank": 1, "world": 2, "facts": {"--epochs": 3}}),
    message(channel.HELLO, {"rank": 77, "world": 2, "facts": FACTS}),
    message(channel.HELLO, {"rank": -1, "world": 2, "facts": FACTS}),
    message(channel.DATA, {"rank": 1, "world": 2, "facts": FACTS}),
)


def test_a_port_in_use_is_named_and_strangers_are_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel, "HELLO_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ResourceError, match="rank 0 can't wait there .*choose another port"):
            channel.Channel(0, 2, address, FACTS, lambda *_: None)
    port = channel.free_port("127.0.0.1")

    strangers = []

    def knock() -> None:
        while len(strangers) < len(KNOCKS):
            with contextlib.suppress(OSError):
                stranger = socket.create_connection(("127.0.0.1", port))
                stranger.sendall(KNOCKS[len(strangers)])
                strangers.append(stranger)
        visitor.channel = channel.Channel(1, 2, f"127.0.0.1:{port}", FACTS, visitor.ended)

    visitor, host = Group(1, 2), Group(0, 2)
    thread = threading.Thread(target=knock)
    thread.start()
    host.channel = channel.Channel(0, 2, f"127.0.0.1:{port}", FACTS, host.ended)
    thread.join()
    assert [peer.rank for peer in host.channel.peers] == [1]
    visitor.leave()
    host.leave()
    for stranger in strangers:
        stranger.close()


class Line:
    """Stand-in for a connection, which takes up to `takes` pieces and gives a byte at a time."""

    def __init__(self, takes: int = 100, gives: bytes = b"") -> None:
        self.takes, self.gives = takes, gives
        self.sent: list[bytes] = []
        self.shut: list[int] = []

    def setsockopt(self, *given: int) -> None:
        pass

    def settimeout(self, seconds: float) -> None:
        pass

    def sendall(self, piece: bytes) -> None:
        if len(self.sent) == self.takes:
            raise TimeoutError
        self.sent.append(bytes(piece))

    def recv(self, count: int) -> bytes:
        return self.gives

    def shutdown(self, how: int) -> None:
        self.shut.append(how)


def test_what_is_large_goes_in_pieces_beside_which_no_sign_of_life_is_needed() -> None:
    line: Any = Line()
    peer, content = channel.Peer(line, 1), bytes(range(250)) * 10_000
    peer.send(channel.DATA, content)
    assert max(map(len, line.sent)) == 2**20
    assert b"".join(line.sent) == message(channel.DATA, content)
    before = len(line.sent)
    with peer._sending:
        peer.beat()  # returns though a message is being sent
    assert len(line.sent) == before
    peer.beat()
    assert line.sent[-1] == message(channel.BEAT, b"")


def test_after_a_torn_message_nothing_is_sent_and_the_process_counts_as_lost() -> None:
    line: Any = Line(takes=2)
    peer = channel.Peer(line, 1)
    peer.send(channel.DATA, bytes(2**22))
    assert line.shut == [socket.SHUT_RDWR]
    line.takes = 100
    peer.send(channel.STOP)
    peer.beat()
    assert len(line.sent) == 2
    with pytest.raises(channel.ConnectionLost, match="it took nothing for 60 s"):
        peer.read()


def test_who_comes_has_little_time_however_it_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr(channel, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
    line: Any = Line(gives=b"\0")
    with pytest.raises(channel.ConnectionLost):
        channel.Peer(line, -1).read(2**16, 5.0)
    assert next(clock) == 6


def test_only_rank_0_is_a_coordinator(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(message(channel.DATA, b""))
                connection.recv(1)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ResourceError, match="what answers there is not rank 0"):
            channel.Channel(1, 2, address, FACTS, lambda *_: None)
        thread.join()

    def itself(*given: Any, **more: Any) -> socket.socket:
        connection = socket.socket()
        connection.bind(("127.0.0.1", 0))
        connection.connect(connection.getsockname())
        return connection

    monkeypatch.setattr(channel, "JOIN_SECONDS", 0.0)
    monkeypatch.setattr(channel.socket, "create_connection", itself)
    with pytest.raises(ResourceError, match="rank 0 did not answer within 0 s .nothing waits"):
        channel.Channel(1, 2, "127.0.0.1:1", FACTS, lambda *_: None)


def test_how_to_go_on_is_told_where_that_helps(tmp_path: Path) -> None:
    host = Group(0, 2, "node1:29400")
    host.run, host.trust = RunFolder(tmp_path / "run.partial", tmp_path / "run", None), " --trust"
    host._failure = 1, channel.lost_record(1, "it has ended")
    assert str(host.failure()) == "rank 1: the process was lost: it has ended"
    checkpoints = host.run.path / "checkpoints" / "seed-0"
    checkpoints.mkdir(parents=True)
    (checkpoints / "state-1.json").touch()
    assert str(host.failure()).endswith(
        f"again, each with its --rank: mlzoo train --resume {tmp_path / 'run'} --trust --rank 0 "
        "--world 2 --coordinator node1:29400"
    )
    host._failure = 1, json.loads(channel.failure_record(DataError("no such file")))
    assert str(host.failure()) == "rank 1: no such file"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"world": 2, "rank": 2, "coordinator": "a:1"}, "rank 2 is not below world 2"),
        ({"world": 2, "rank": 0}, "world 2 needs coordinator"),
        ({"world": 2, "coordinator": "a:1"}, "world 2 needs rank"),
        ({"rank": 0}, "rank has no effect without world"),
        ({"world": 2, "rank": 0, "coordinator": "a"}, "write HOST:PORT"),
        ({"world": 2, "rank": 0, "coordinator": "[::1]:29400"}, "processes meet by IPv4"),
        ({"world": 2, "rank": 0, "coordinator": "::1:29400"}, "processes meet by IPv4"),
        ({"world": 0}, "world"),
    ],
)
def test_wrong_options_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        from_options(Machines, given)


@pytest.mark.parametrize("words", ["train auto iris", "train mlp iris --dry-run"])
def test_what_one_process_does_is_refused(words: str) -> None:
    done = run_mlzoo(*words.split(), "--world", "2", "--rank", "0", "--coordinator", "a:1")
    assert done.code == 2
    assert "--world: " in done.err and "is done by one process" in done.err


def test_only_jax_and_trainings_in_batches_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    machines = Machines(rank=0, world=2, coordinator="127.0.0.1:1")
    config = RunConfig(model="mlp", data="iris")
    with pytest.raises(UsageError, match="--world 2: only JAX .* set KERAS_BACKEND=jax"):
        joining.joined(machines, config).__enter__()
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(UsageError, match="--devices 2 and --profile can't be used with --world"):
        joining.check_config(config.model_copy(update={"devices": "2", "profile": True}))
    with pytest.raises(UsageError, match="started with --devices 2 and goes on by one process"):
        joining.check_config(config.model_copy(update={"devices": "2"}), resumed=True)


def test_errors_travel_as_what_they_are_and_no_others() -> None:
    assert type(channel.error_of(1, {"kind": "DataError", "text": "x"})) is DataError
    assert type(channel.error_of(1, {"kind": "find_disk_full", "text": "x"})) is MlzooError
