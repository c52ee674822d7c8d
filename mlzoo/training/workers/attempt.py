"""One start of all workers of a training, and the watch over them until they have ended."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import Interrupted, MlzooError, ResourceError, UsageError
from mlzoo.core.files import disk_errors
from mlzoo.core.messages import series
from mlzoo.core.progress import Listener
from mlzoo.runs import run_folder
from mlzoo.runs.run_folder import RunFolder
from mlzoo.training.distributed.channel import KINDS, ProcessLost
from mlzoo.training.distributed.settings import Machines
from mlzoo.training.signals import Stop
from mlzoo.training.starting.folder import default_name
from mlzoo.training.workers.shipping import Mirror, files_of_run, pieces
from mlzoo.training.workers.worker import THREADS, Message, RayWorker

CALLS = ("note", "warn", "progress", "start", "step", "epoch", "end")
"""Methods of a listener that a process may call from afar."""
_ROOM_SECONDS = 300.0
"""Seconds to wait until the cluster has room for all workers."""
_PATIENCE = 30.0
"""Seconds that processes have to end once one has failed; those that do not are ended."""
_MIRROR_SECONDS = 10.0
"""Seconds between two looks for new files in a run folder that lies elsewhere."""


class WorkerLost(Exception):
    """A worker, or the process that it runs, was killed or can't be reached any more."""


@dataclass
class Job:
    """A training that workers are to do.

    Attributes:
        order: fields of an `Order` that all processes have in common.
        config: of the run.
        out: folder that run folders go into.
        flag: option that the run's own code needs, for commands that are suggested.
        run: final folder of the run, once it is known.
    """

    order: Message
    config: RunConfig
    out: Path
    flag: str
    run: Path | None = None

    @property
    def begun(self) -> bool:
        """Return whether there is a run to resume; one that is to be replaced is none."""
        if self.run is None:
            return False
        folder = run_folder.current(self.run)
        replaced = folder == self.run and self.order["overwrite"]
        return (folder / "config.yaml").exists() and not replaced

    @property
    def finished(self) -> bool:
        """Return whether the run is complete."""
        return self.begun and self.run is not None and run_folder.finished(self.run) is not None

    @property
    def checkpoints(self) -> set[tuple[str, int]]:
        """Return the checkpoints that the run has now."""
        if self.run is None:
            return set()
        states = (run_folder.current(self.run) / "checkpoints").glob("*/state-*.json")
        return {(str(file), file.stat().st_mtime_ns) for file in states}


class Attempt:
    """Workers that are started together and end together.

    Args:
        ray: the module, connected to a cluster.
        job: what they train.
        machines: how many.
        listener: hears of progress.
        stop: signal that came to this process.
    """

    def __init__(
        self, ray: Any, job: Job, machines: Machines, listener: Listener, stop: Stop
    ) -> None:
        self._ray, self._job, self._machines = ray, job, machines
        self._listener, self._stop = listener, stop
        self.processes: dict[int, int] = {}
        """Numbers of the processes by rank, each on the machine of its worker."""
        self._workers: list[Any] = []
        self._facts: list[Message] = []
        self._ended: dict[int, Message] = {}
        """Ends of processes: a record (`done` or `failed`), `code`, or the reason: `lost`, or
        `silent` for one that did not end after others."""
        self._records: dict[int, Message] = {}
        self._mirror: Mirror | None = None
        self._mirrored = 0.0

    def run(self) -> Path:
        """Train; return the folder of the finished run.

        Raises:
            WorkerLost: the run can go on with new workers.
            MlzooError: it can't.
            Interrupted: a signal came.
        """
        try:
            self._hire()
            self._start()
            self._watch()
            return self._result()
        finally:
            self._dismiss()

    # Starting

    def _hire(self) -> None:
        """Start the workers, and wait until the cluster has room for all."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        count = self._machines.workers
        gpus = self._ray.cluster_resources().get("GPU", 0)
        on_gpu = self._job.config.device != "cpu" and gpus >= count
        takes = {"num_cpus": 1, "num_gpus": int(on_gpu)}
        kind = self._ray.remote(max_restarts=0, max_concurrency=THREADS, **takes)(RayWorker)
        here = self._ray.get_runtime_context().get_node_id()
        first = NodeAffinitySchedulingStrategy(node_id=here, soft=True)
        for rank in range(count):
            strategy = "SPREAD" if rank else first
            self._workers.append(kind.options(scheduling_strategy=strategy).remote(environment()))
        with _token(self._job.out) as token:
            calls = {w.facts.remote(*token): r for r, w in enumerate(self._workers)}
            facts = self._answers(calls)
        self._facts = [facts[rank] for rank in range(count)]
        self._listener.note(placed_on(self._facts))

    def _answers(self, calls: dict[Any, int]) -> dict[int, Message]:
        """Return the first answer of each worker by rank."""
        answers: dict[int, Message] = {}
        last = time.monotonic() + _ROOM_SECONDS
        while calls:
            done, _ = self._ray.wait(list(calls), num_returns=1, timeout=0.5)
            if self._stop.signal:
                raise Interrupted("stopped while starting workers", self._stop.signal)
            for call in done:
                rank = calls.pop(call)
                answers[rank] = self._get(call, rank)
            if time.monotonic() > last:
                total = self._machines.workers
                raise ResourceError(
                    f"the cluster has room for {len(answers)} of {total} workers and no more came "
                    f"free within {_ROOM_SECONDS:.0f} s: each needs a core (`ray status`); add "
                    "machines, or lower --workers"
                )
        return answers

    def _get(self, call: Any, rank: int) -> Any:
        try:
            return self._ray.get(call)
        except self._ray.exceptions.RayActorError as error:
            reason = str(error).strip().splitlines()[0].removesuffix(".")
            raise WorkerLost(f"{self._name(rank)} was lost: {reason}") from None

    def _name(self, rank: int) -> str:
        where = f" on {self._facts[rank]['host']}" if self._facts else ""
        return f"worker {rank} of {self._machines.workers}{where}"

    def _start(self) -> None:
        """Send what workers lack, and give all of them the order."""
        count, first = self._machines.workers, self._facts[0]
        one_node = len({fact["node"] for fact in self._facts}) == 1
        host = "127.0.0.1" if one_node else first["host"]
        joining = {"world": count, "coordinator": f"{host}:{first['port']}"}
        apart = [rank for rank, fact in enumerate(self._facts) if not fact["shared"]]
        folders = self._ship(apart)
        calls = {}
        for rank, worker in enumerate(self._workers):
            machines = {"rank": rank, **joining} if count > 1 else {}
            order = {**order_of(self._job, folders.get(rank)), "machines": machines}
            calls[worker.start.remote(order)] = rank
        self.processes = {rank: self._get(call, rank) for call, rank in calls.items()}

    def _ship(self, ranks: list[int]) -> dict[int, str]:
        """Send the files of the run to workers that do not see them; return their folders there."""
        if not ranks:
            return {}
        if 0 in ranks:
            folder = claim(self._job)
            self._mirror, self._job.run = Mirror(folder), folder.final
        paths = files_of_run(self._job.config)
        if self._job.order["resume"] is not None:
            paths.append(run_folder.current(Path(self._job.order["resume"])))
        listed = series([str(path) for path in paths], "and") or "no files"
        self._listener.note(f"sending {listed} to workers that do not share the disk")
        sent = [self._ray.put(piece) for piece in pieces(paths)]
        calls = {self._workers[rank].receive.remote(sent): rank for rank in ranks}
        return {rank: self._get(call, rank) for call, rank in calls.items()}

    # Watching

    def _watch(self) -> None:
        """Listen to the processes until all have ended."""
        reading = {worker.read.remote(): rank for rank, worker in enumerate(self._workers)}
        signaled, last = False, 0.0
        while reading:
            done, _ = self._ray.wait(list(reading), num_returns=1, timeout=0.5)
            for call in done:
                rank = reading.pop(call)
                try:
                    for event in self._get(call, rank):
                        self._hear(rank, event)
                except WorkerLost as lost:
                    self._ended[rank] = {"lost": str(lost)}
                if rank not in self._ended:
                    reading[self._workers[rank].read.remote()] = rank
            if self._stop.signal and not signaled:
                signaled = True
                self._workers[0].signal.remote(self._stop.signal)
            if any("done" not in end for end in self._ended.values()):
                last = last or time.monotonic() + _PATIENCE
                if time.monotonic() > last:
                    reading = self._give_up(reading)

    def _give_up(self, reading: dict[Any, int]) -> dict[Any, int]:
        """End processes that go on after others have failed."""
        for rank in reading.values():
            lost = f"{self._name(rank)} was lost: it did not end for {_PATIENCE:.0f} s after others"
            self._ended[rank] = {"silent": lost}
        return {}

    def _hear(self, rank: int, event: Mapping[str, Any]) -> None:
        if "ended" in event:
            self._ended[rank] = self._end_of(rank, event)
            if not rank:
                self._collect(at_once=True)
        elif "call" not in event:
            self._records[rank] = dict(event)
        elif event["call"] == "begun":
            self._job.run = Path(event["with"][0])
            self._listener.begun(self._job.run)
        elif event["call"] in CALLS:
            getattr(self._listener, event["call"])(*event["with"])
            if event["call"] == "epoch":
                self._collect()

    def _end_of(self, rank: int, event: Mapping[str, Any]) -> Message:
        if record := self._records.get(rank):
            return record
        code, last = event["ended"], event["last"]
        if code == 4 or code > 128:  # another has failed, see `Group.ended`
            return {"code": code, "last": last[-1:] or [""]}
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        if -code in set(signal.Signals):
            how = signal.Signals(-code).name
        line = f"; its last line: {last[-1]}" if last and code >= 0 else ""
        return {"lost": f"{self._name(rank)} was lost: its process ended with {how}{line}"}

    def _collect(self, at_once: bool = False) -> None:
        """Fetch new files of a run folder that rank 0 writes on a disk of its own."""
        if self._mirror is None or self._job.run is None:
            return
        if not at_once and time.monotonic() - self._mirrored < _MIRROR_SECONDS:
            return
        call = self._workers[0].collect.remote(str(self._job.run), self._mirror.states)
        with disk_errors(self._job.run):
            self._mirror.update(self._get(call, 0), ended=at_once)
        if self._mirror.finished:
            self._job.order["overwrite"] = False  # the run that is there now is the new one
        self._mirrored = time.monotonic()

    def _result(self) -> Path:
        """Return the finished run, or raise what came in its place."""
        first = self._ended[0]
        if first.get("done"):
            return Path(first["done"])
        failed = {rank: end["failed"] for rank, end in self._ended.items() if "failed" in end}
        for record in failed.values():
            if record["signal"] and self._stop.signal:
                raise Interrupted(record["text"], record["signal"])
            if record["signal"]:
                raise WorkerLost(f"a worker was stopped by {signal.Signals(record['signal']).name}")
        lost = [end["lost"] for end in self._ended.values() if "lost" in end]
        if lost:
            raise WorkerLost(lost[0])
        for _, record in sorted(failed.items()):
            text, kind = record["text"], record["kind"]
            if kind == ProcessLost.__name__:
                lost.append(text)
            elif kind == UsageError.__name__:
                raise UsageError(text.split("\n"))
            else:
                raise {each.__name__: each for each in KINDS}.get(kind, MlzooError)(text)
        lost += [end["silent"] for end in self._ended.values() if "silent" in end]
        if lost:
            raise WorkerLost(lost[0])
        line = next((end["last"][0] for end in self._ended.values() if "last" in end), "")
        raise WorkerLost(f"all workers have ended: {line.removeprefix('error: ')}")

    def _dismiss(self) -> None:
        """End all workers and what they run; let go of the run folder."""
        if self._mirror is not None:
            self._mirror.close()
        calls = [worker.close.remote() for worker in self._workers]
        with contextlib.suppress(Exception):
            self._ray.wait(calls, num_returns=len(calls), timeout=5)
        for worker in self._workers:
            with contextlib.suppress(Exception):
                self._ray.kill(worker)


def order_of(job: Job, shipment: str | None) -> Message:
    """Return the order of a job to a worker, with paths as that worker finds them.

    Args:
        job: what is trained.
        shipment: folder of files that were sent to the worker; None: it shares the disk.
    """
    here = Path.cwd()
    if shipment is None:
        return {**job.order, "folder": str(here), "shipment": None}
    order = {**job.order, "folder": str(_below(shipment, here)), "shipment": shipment}
    if order["resume"] is not None:
        order["resume"] = str(_below(shipment, Path(order["resume"])))
    else:
        name = order["config"]["name"] if job.run is None else job.run.name
        place = {"out": str(_below(shipment, job.out)), "name": name}
        order["config"] = {**order["config"], **place}
    return order


def claim(job: Job) -> RunFolder:
    """Create, or take over, the folder of a run that a worker writes on a disk of its own.

    Raises:
        UsageError: its name is taken, or another process is using it.
    """
    if job.order["resume"] is not None:
        return run_folder.reopen(Path(job.order["resume"]))
    name, overwrite = job.config.name, job.order["overwrite"]
    return run_folder.create(job.out, name, default_name(job.config), overwrite)


def _below(folder: str, path: Path) -> Path:
    return Path(folder) / path.relative_to(path.anchor)


@contextlib.contextmanager
def _token(folder: Path) -> Iterator[tuple[str, str]]:
    """Write a file by which workers see that they share a disk; yield its path and content."""
    content = secrets.token_hex(8)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f".mlzoo-{content}"
        file.write_text(content)
    try:
        yield str(file), content
    finally:
        file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()  # where nothing was in it


def environment() -> Mapping[str, str | None]:
    """Return the variables of this process that decide how workers compute."""
    kept = ("KERAS_", "JAX_", "XLA_", "MLZOO_", "TF_")
    chosen: dict[str, str | None] = {n: v for n, v in os.environ.items() if n.startswith(kept)}
    # Ray gives its workers one thread, which changes what they compute and how fast.
    return {**chosen, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS")}


def placed_on(facts: list[Message]) -> str:
    """Return where workers are, for people."""
    hosts = sorted({fact["host"] for fact in facts})
    many = f"{len(facts)} worker{'s' if len(facts) > 1 else ''}"
    if len(hosts) == 1:
        return f"{many} on {hosts[0]}"
    return f"{many} on {len(hosts)} machines: {series(hosts, 'and')}"
