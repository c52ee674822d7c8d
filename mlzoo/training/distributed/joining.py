"""JAX over several processes: one global list of devices, and collective operations between them.

On processors these are gloo's, over TCP. JAX's own coordination service ends a process within
milliseconds, and with a stack trace, when that of rank 0 is gone; it is needed to connect the
processes alone, so that it is left once they are connected. `channel.py` watches them from then on.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import ResourceError, UsageError
from mlzoo.core.messages import series
from mlzoo.runs import devices
from mlzoo.training.distributed.channel import Channel, free_port
from mlzoo.training.distributed.group import ALONE, Group, joined_by, settings_of
from mlzoo.training.distributed.settings import Machines
from mlzoo.training.loop.data_parallel import SharedDevices

_CONNECT_SECONDS = 120


@contextlib.contextmanager
def joined(
    machines: Machines, config: RunConfig, resumed: bool = False, batches: bool = False
) -> Iterator[Group]:
    """Train with other processes within the block.

    Args:
        machines: which process this is, of how many.
        config: of the run.
        resumed: the run was begun before, so that its settings can't be others.
        batches: share batches also of several trainings, as they were when it began.

    Raises:
        UsageError: they share batches and the backend is not JAX, or they differ.
        ResourceError: a process did not come, or was lost.
    """
    if machines.world == 1:
        yield ALONE
        return
    apart = config.trainings > 1 and not batches
    if not apart:
        check_backend(machines.world)
    check_config(config, resumed)
    assert machines.rank is not None and machines.coordinator is not None
    group = Group(machines.rank, machines.world, machines.coordinator, apart)
    devices.choose(config.device)
    given = group.rank, group.world, machines.coordinator, facts_of(config)
    group.channel = Channel(*given, group.ended)
    with joined_by(group):
        if not apart:
            _start(group)
        yield group


def backend() -> str:
    """Return the backend of Keras that this process has, without importing Keras."""
    return os.environ.get("KERAS_BACKEND", "tensorflow")


def check_backend(world: int, option: str = "--world") -> None:
    """Raise UsageError where the backend is not JAX; `option` has said how many processes."""
    if backend() != "jax":
        raise UsageError(
            f"{option} {world}: only JAX shares batches among processes, and the backend is "
            f"{backend()}, on which Keras' training fails under a strategy of many machines; set "
            "KERAS_BACKEND=jax, or share out whole trainings: --folds, --ensemble or --repeats"
        )


def check_config(config: RunConfig, resumed: bool = False, option: str = "--world") -> None:
    """Raise UsageError for settings of a run that do not go with several processes."""
    refused = {
        f"--devices {config.devices}": config.devices != "1",
        f"--optimizer {config.optimizer}": config.full_batch,
        "--augment search": config.augment == "search",
        "--callback": bool(config.callback),
        "--profile": config.profile,
    }
    if given := [flag for flag, is_given in refused.items() if is_given]:
        if resumed:
            raise UsageError(
                f"this run was started with {series(given, 'and')} and goes on by one process: "
                "leave out "
                + ("--rank, --world and --coordinator" if option == "--world" else option)
            )
        hint = "; start one process for each device" if config.devices != "1" else ""
        raise UsageError(
            f"{series(given, 'and')} can't be used with {option}; leave "
            f"{'them' if len(given) > 1 else 'it'} out{hint}"
        )


def facts_of(config: RunConfig) -> dict[str, str]:
    """Return what must be equal in all processes before anything is read."""
    versions = devices.versions()
    names = ("mlzoo", "python", "keras", backend(), "numpy")
    facts = {f"version of {name}": versions.get(name, "none") for name in names}
    return facts | settings_of(config)


def _start(group: Group) -> None:
    """Connect the processes of a group; must come before JAX computes anything.

    Raises:
        ResourceError: they can't be connected.
    """
    import jax
    import numpy as np

    assert group.channel is not None
    local = group.channel.host in ("127.0.0.1", "localhost")
    host = "127.0.0.1" if local else group.channel.host
    port = int(group.share(str(free_port("127.0.0.1" if local else "")).encode()))
    try:
        with devices.quiet_stderr(stdout=True):
            jax.config.update("jax_cpu_collectives_implementation", "gloo")
            jax.distributed.initialize(
                f"{host}:{port}",
                group.world,
                group.rank,
                initialization_timeout=_CONNECT_SECONDS,
                cluster_detection_method="deactivate",
                coordinator_bind_address=f"{host if local else '[::]'}:{port}",
            )
            shared = SharedDevices()
            ones = shared.share(np.ones(group.world, "float32"))
            count = float(jax.jit(jax.numpy.sum, out_shardings=shared.replicated)(ones))
            if jax.devices()[0].platform == "cpu":
                jax.distributed.shutdown()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise ResourceError(f"JAX can't connect the processes: {reason}") from error
    assert count == group.world, count
