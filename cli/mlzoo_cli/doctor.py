"""`mlzoo doctor`: versions, backend, devices, and why a GPU is not used."""

from __future__ import annotations

from mlzoo_cli.options import Json
from mlzoo_cli.output import show


def doctor(json: Json = False) -> None:
    """Report versions, backend and devices, and why no GPU is used."""
    from mlzoo.training.preflight.diagnosis import diagnose

    result = diagnose()
    if json:
        show(result)
        return
    for name, version in result["versions"].items():
        print(f"{name:14} {version}")
    print(f"{'backend':14} {result['backend']}")
    print(f"{'device':14} {result['device']}")
    for line in result["gpu"]:
        print(f"{'GPU':14} {line}")
