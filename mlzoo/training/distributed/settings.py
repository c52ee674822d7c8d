"""Processes that train together. Imports neither Keras nor NumPy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.fields import Flag


class Machines(Settings):
    """Processes that share the batches of a training, or the trainings of a run."""

    # -- Machines
    rank: int | None = Field(None, ge=0)
    """Number of this process among those of --world, from 0. That of 0 writes the run folder."""
    world: int = Field(1, ge=1, le=65536)
    """Processes on one machine or many: the same command is started once with each --rank. They
    share out the trainings of --folds, --ensemble and --repeats; of a single one each batch, on
    JAX, whose samples are a multiple of their number."""
    coordinator: Annotated[str | None, Flag(metavar="HOST:PORT")] = None
    """Address at which the process with --rank 0 waits for the others."""
    engine: Literal["local", "ray"] = "local"
    """Who starts the processes: local, whoever gives the commands; ray, a Ray cluster, which gets
    one command for all --workers."""
    workers: int = Field(1, ge=1, le=65536)
    """Processes that --engine ray starts; they share out work as those of --world do."""
    address: str | None = None
    """The Ray cluster: auto, or HOST:PORT; by default one is started on this machine."""

    @field_validator("coordinator")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None:
            host, _, port = value.rpartition(":")
            if ":" in host or "[" in host:
                raise ValueError(
                    "processes meet by IPv4: write HOST:PORT with a name, such as node1:29400, or "
                    "with an address such as 10.0.0.1:29400"
                )
            if not host or not port.isdecimal() or not 0 < int(port) < 65536:
                raise ValueError("write HOST:PORT, such as node1:29400")
        return value

    @model_validator(mode="after")
    def _together(self) -> Machines:
        if self.engine == "ray":
            by_hand = {"rank": self.rank is not None, "coordinator": self.coordinator is not None}
            by_hand["world"] = self.world > 1
            if idle := [name for name, is_given in by_hand.items() if is_given]:
                raise ValueError(f"engine ray starts all processes itself: leave out {idle[0]}")
            return self
        if self.workers > 1 or self.address is not None:
            name = "workers" if self.workers > 1 else "address"
            raise ValueError(f"{name} has no effect without engine ray")
        if self.world == 1:
            given = {"rank": self.rank is not None, "coordinator": self.coordinator is not None}
            if idle := [name for name, is_given in given.items() if is_given]:
                raise ValueError(f"{idle[0]} has no effect without world, the number of processes")
            return self
        if self.rank is None:
            raise ValueError(
                f"world {self.world} needs rank, the number of this process from 0 to "
                f"{self.world - 1}"
            )
        if self.rank >= self.world:
            raise ValueError(
                f"rank {self.rank} is not below world {self.world}; ranks count from 0 to "
                f"{self.world - 1}"
            )
        if self.coordinator is None:
            raise ValueError(
                f"world {self.world} needs coordinator, the address HOST:PORT at which rank 0 waits"
            )
        return self
