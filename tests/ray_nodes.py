"""Nodes of a Ray cluster, all on this machine."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mlzoo.training.distributed.channel import free_port

_PORTS = (
    *("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port"),
    "runtime_env_agent_port",
)


def node(cpus: int) -> dict[str, Any]:
    """Settings of a node with so many cores; ports that are given need not be waited for."""
    return {"num_cpus": cpus, **{name: free_port("") for name in _PORTS}}


@contextmanager
def nodes(*cpus: int) -> Iterator[Any]:
    """A cluster of nodes with so many cores each; the second is its `second`."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'mlzoo-keras[ray]'")
    import ray
    from ray.cluster_utils import Cluster

    # Ray's handler ends the process with another code than ours, also after its end.
    before = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        # Their processes find this package where this one does.
        patch.setenv("PYTHONPATH", ":".join(path for path in sys.path if path))
        # Ray's own lowering of a worker's priority starves it where other tests run beside.
        patch.setenv("RAY_worker_niceness", "0")
        found = Cluster(initialize_head=True, head_node_args=node(cpus[0]))
        for count in cpus[1:]:
            found.second = found.add_node(**node(count))
        try:
            yield found
        finally:
            ray.shutdown()
            found.shutdown()
            signal.signal(signal.SIGTERM, before)
