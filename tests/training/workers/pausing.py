"""Process of a training that waits once, after some epoch, until something has been done to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlzoo.training.workers import attempt, member
from mlzoo.training.workers.worker import RayWorker

_EPOCH, _GATE = "MLZOO_TEST_EPOCH", "MLZOO_TEST_GATE"


def pause(patch: pytest.MonkeyPatch, epoch: int, gate: Path) -> None:
    """Have rank 0 of trainings wait once after an epoch, until `go_on` or a signal to it."""
    os.mkfifo(gate)
    patch.setenv(_EPOCH, str(epoch))
    patch.setenv(_GATE, str(gate))
    patch.setattr(attempt, "RayWorker", PausingWorker)


def go_on() -> None:
    """End the wait; what is started later does not wait."""
    gate = Path(os.environ[_GATE])
    gate.open("w").close()  # opens once the other side reads
    gate.unlink()


class PausingWorker(RayWorker):
    """Worker whose process waits."""

    member = __name__

    def signal(self, number: int) -> None:
        """Send a signal to the process; it goes on if it was one to stop."""
        super().signal(number)
        gate = self._environment[_GATE]
        if number == 15 and Path(gate).exists():
            os.environ[_GATE] = gate
            go_on()


class _PausingReporter(member.Reporter):
    def epoch(self, row: Mapping[str, Any]) -> None:
        super().epoch(row)
        gate = Path(os.environ[_GATE])
        if str(row["epoch"]) == os.environ[_EPOCH] and gate.exists():
            gate.read_text()  # until whoever writes has closed it


if __name__ == "__main__":
    member.Reporter = _PausingReporter  # type: ignore[misc]
    member.main()
