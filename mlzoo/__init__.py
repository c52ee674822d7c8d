"""mlzoo: a Keras model zoo with honest training, from the command line or from Python."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "1.0.0rc1"

_LAZY = {
    "train": "mlzoo.api",
    "resume": "mlzoo.api",
    "reproduce": "mlzoo.api",
    "tune": "mlzoo.api",
    "load": "mlzoo.api",
    "from_weights": "mlzoo.api",
    "export": "mlzoo.exporting.export",
    "pack": "mlzoo.packing.pack",
    "explain": "mlzoo.explaining.explain_run",
    "compare": "mlzoo.reporting.comparison",
    "inspect": "mlzoo.notebooks.inspection",
    "RunConfig": "mlzoo.core.configs",
}
__all__ = sorted([*_LAZY, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mlzoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
