"""Processes that share the batches of a training, or the trainings of a run.

All ranks read the data and take the same steps; JAX adds up their gradients. Rank 0 alone writes
the run folder, its checkpoints and the report. What must not differ (weights after a resume, scores
of the validation split) is decided by rank 0 and told to the others. Of several trainings
(members, repeats) each process does some by itself, and rank 0 gets their checkpoints: `turns.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from signal import SIGTERM
from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import Interrupted, MlzooError, ResourceError, UsageError
from mlzoo.training.distributed.channel import (
    Channel,
    ProcessLost,
    difference,
    error_of,
    failure_record,
)

if TYPE_CHECKING:
    from mlzoo.runs.run_folder import RunFolder
    from mlzoo.training.signals import Stop

_PATIENCE = 5.0
"""Seconds that a process has to end by itself once another has failed."""
_MOMENT = 0.2
"""Seconds between two looks for what other processes have sent."""
_OWN_AFFAIR = ("out", "name", "data", "pictures", "log", "baselines", "checkpoint_every")
"""Fields of a run that may differ between processes: rank 0 alone reads them, or paths do."""


class Group:
    """The processes of a training; this one alone where it has no channel.

    Args:
        rank: of this process.
        world: number of processes.
        coordinator: address of rank 0, HOST:PORT.
        apart: each process does whole trainings, and shares no batch with others.
    """

    supervised = False
    """Flag of a process that whoever started it starts anew; how to resume is said there."""

    def __init__(
        self, rank: int = 0, world: int = 1, coordinator: str = "", apart: bool = False
    ) -> None:
        self.rank, self.world, self.coordinator, self.apart = rank, world, coordinator, apart
        self.channel: Channel | None = None
        self.scratch: Path | None = None
        """Folder of this process, which is removed when it ends."""
        self.run: RunFolder | None = None
        """That of the training, in rank 0."""
        self.trust = ""
        """Option that the run's own code needs."""
        self._failed = threading.Event()
        self._left = threading.Event()
        self._failure: tuple[int, Mapping[str, Any]] | None = None

    # What processes tell each other

    def share(self, content: bytes = b"", stop: Stop | None = None) -> bytes:
        """Return what rank 0 has, in all processes; they wait for each other.

        Args:
            content: in rank 0.
            stop: signal that is passed on while others wait for rank 0.

        Raises:
            MlzooError: another process has failed.
        """
        self.gather(b"")
        if self.channel is None:
            return content
        if self.rank:
            if stop is not None:
                self.wait(stop)
            return self._received(0)
        for peer in self.channel.peers:
            peer.send(b"d", content)
        return content

    def gather(self, content: bytes) -> list[bytes]:
        """Return what each process has, in the order of ranks, in rank 0; elsewhere nothing."""
        if self.channel is None:
            return [content]
        if self.rank:
            self.channel.peers[0].send(b"d", content)
            return []
        return [content, *(self._received(place) for place in range(self.world - 1))]

    def wait(self, stop: Stop) -> None:
        """Wait until rank 0 has heard of all others, others of rank 0, or one has failed.

        Raises:
            Interrupted: meanwhile a signal came that asks to stop.
        """
        while self.channel is not None and any(p.received.empty() for p in self.channel.peers):
            if self._failed.wait(_MOMENT):
                return
            if number := self.signal(stop.signal):
                raise Interrupted("stopped while other processes train", number)

    def _received(self, place: int) -> bytes:
        assert self.channel is not None
        content = self.channel.peers[place].received.get()
        if content is None:
            raise self.failure() or ProcessLost("the processes have parted")
        return content

    def agree(self, facts: Mapping[str, str]) -> None:
        """Check that all processes have the same facts.

        Raises:
            UsageError: one has others; all processes say which.
        """
        for rank, reported in enumerate(self.gather(json.dumps(dict(facts)).encode())):
            if problem := difference(rank, json.loads(reported), facts):
                raise UsageError(problem)
        self.share()

    def mean_scores(self, own: Sequence[tuple[Mapping[str, float], int]]) -> dict[str, float]:
        """Return means over the samples of all processes, the same in each.

        Args:
            own: scores and number of samples of each part that this process has measured, which is
                every `world`-th of all parts from its rank on.
        """
        reported = self.gather(json.dumps(list(own)).encode())
        means = b""
        if self.rank == 0:
            each = [json.loads(content) for content in reported]
            count = sum(len(parts) for parts in each)
            ordered = [each[i % self.world][i // self.world] for i in range(count)]
            means = json.dumps(mean_scores(ordered)).encode()
        shared: dict[str, float] = json.loads(self.share(means))
        return shared

    # Signals and failures

    def signal(self, own: int) -> int:
        """Return the signal for which this process saves and stops; 0: it goes on.

        Rank 0 stops all; the others ask it to.

        Args:
            own: that came to this process, or 0.
        """
        if self.channel is None:
            return own
        if self.rank == 0:
            return own or self.channel.stop_signal
        if own:
            self.channel.ask_stop(own)
        return 0

    def failure(self) -> BaseException | None:
        """Return the failure of another process as an error of this one; None without any."""
        if self._failure is None:
            return None
        rank, record = self._failure
        if number := int(record.get("signal", 0)):
            return Interrupted(
                f"rank {rank}: {record['text']}", number, "rank 0 says how to resume"
            )
        lost = record["kind"] in (ResourceError.__name__, ProcessLost.__name__)
        text = f"{record['text']}{self._hint()}" if lost else record["text"]
        return error_of(rank, {**record, "text": text})

    def _hint(self) -> str:
        """Return how to go on, in the process that knows the folder; "" without checkpoints."""
        if self.supervised or self.run is None or not self.run.has_weights:
            return ""
        return (
            "; once all is well, start all processes again, each with its --rank: mlzoo train "
            f"--resume {shlex.quote(str(self.run.final))}{self.trust} --rank {self.rank} "
            f"--world {self.world} --coordinator {self.coordinator}"
        )

    def ended(self, rank: int, record: Mapping[str, Any]) -> None:
        """End after a failure of another process: by itself or, where that takes long, at once."""
        self._failure = rank, record
        self._failed.set()
        threading.Thread(target=self._end_late, daemon=True).start()

    def _end_late(self) -> None:
        if self._left.wait(_PATIENCE):
            return
        # A collective operation that waits for a process which is gone can't be stopped.
        error = self.failure()
        print(f"error: {error}", file=sys.stderr, flush=True)
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)
        number = int(self._failure[1].get("signal", 0)) if self._failure else 0
        os._exit(128 + number if number else 4)

    def leave(self, error: BaseException | None = None) -> BaseException | None:
        """Part with the other processes, and tell them of an error, where there is one.

        Returns:
            The error that is to be told: that of the process which failed first.
        """
        if self.channel is None:
            return error
        broken = error is not None and not isinstance(error, MlzooError | Interrupted)
        if error is None:
            self.channel.leave()
        else:
            # What broke here may be the echo of a process that ended a moment ago.
            if broken:
                self._failed.wait(_PATIENCE)
            if self._failure is None:
                self.channel.fail(self.rank, json.loads(failure_record(error, self.rank)))
            else:
                error = self.failure()
            self.channel.close()
        self._left.set()
        self.channel = None
        return error


ALONE = Group()
_current = ALONE


def current() -> Group:
    """Return the processes that this one trains with."""
    return _current


class _Apart(Group):
    """This process alone, where others do other trainings: they too can ask it to stop."""

    def __init__(self, whole: Group) -> None:
        super().__init__()
        self._whole = whole

    def signal(self, own: int) -> int:
        """Return the signal for which this process saves and stops; 0: it goes on.

        It saves where another has failed too, of which it is told when it leaves.
        """
        number = self._whole.signal(own)
        return number or (SIGTERM if self._whole.failure() is not None else 0)


def sharing() -> Group:
    """Return the processes that share each batch with this one."""
    return _Apart(_current) if _current.apart else _current


def mean_scores(parts: Sequence[tuple[Mapping[str, float], int]]) -> dict[str, float]:
    """Return means over samples from scores of parts and their numbers of samples."""
    sums: dict[str, float] = {}
    for scores, count in parts:
        for name, value in scores.items():
            sums[name] = sums.get(name, 0.0) + value * count
    total = sum(count for _, count in parts)
    return {name: value / total for name, value in sums.items()}


@contextlib.contextmanager
def joined_by(group: Group) -> Iterator[None]:
    """Train with the processes of a group within the block; a failure is told to all of them."""
    global _current
    _current = group
    try:
        yield
    except BaseException as error:
        first = group.leave(error)
        if first is error or first is None:
            raise
        raise first from None
    finally:
        group.leave()
        _current = ALONE


def settings_of(config: RunConfig) -> dict[str, str]:
    """Return the settings of a run that must be equal in all processes, by their options."""
    values = config.model_dump(mode="json", exclude=set(_OWN_AFFAIR))
    return {f"--{name.replace('_', '-')}": json.dumps(v) for name, v in values.items()}
