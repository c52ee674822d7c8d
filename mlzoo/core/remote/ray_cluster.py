"""Ray clusters: joined at an address, or started on this machine."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlzoo.core.errors import ResourceError, UsageError


def import_ray() -> Any:
    """Import Ray.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            f"--engine ray: Ray is missing ({error}); install it with "
            "`pip install 'mlzoo-keras[ray]'`"
        ) from None
    return ray


def join(ray: Any, address: str | None, workers: int) -> bool:
    """Connect to a cluster, unless this process is connected to one.

    Args:
        ray: the module.
        address: of the cluster, `auto` or HOST:PORT; None: start one on this machine.
        workers: cores that one which is started here has to give away.

    Returns:
        Whether it was connected now, so that whoever did it leaves it.

    Raises:
        ResourceError: there is no cluster at the address.
    """
    if ray.is_initialized():
        return False
    settings: dict[str, object] = {"log_to_driver": bool(os.environ.get("MLZOO_DEBUG"))}
    if address is None:
        settings |= {"num_cpus": workers, "include_dashboard": False}
    try:
        with _own_signals():
            ray.init(address=address or "local", logging_level="ERROR", **settings)
    except Exception as error:  # Ray raises any kind where a process of its own does not start
        reason = str(error).strip().splitlines()[0]
        where = "on this machine" if address is None else f"--address {address}"
        raise ResourceError(f"{where}: no Ray cluster can be joined: {reason}") from None
    return True


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the handler of SIGTERM, which Ray replaces by one that says nothing."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)
