"""Pinned requirements of a packed model: the versions that are installed here."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

_FASTER = {"httptools": "0.7.1", "uvloop": "0.22.1"}
"""Packages that uvicorn is faster with, in versions to take where none is installed here."""
_WITHOUT_WINDOWS = ("uvloop",)


def pinned(images: bool) -> list[str]:
    """Return all packages with their dependencies, sorted, one `name==version` each.

    The same versions read and compute the same numbers; they are those that the packed model was
    compared with.

    Args:
        images: the model takes images.

    Raises:
        PackageNotFoundError: one of them is not installed.
    """
    wanted = ["numpy", "onnxruntime", "starlette", "uvicorn", *(["pillow"] if images else [])]
    versions: dict[str, str] = {}
    while wanted:
        name = wanted.pop()
        if name in versions:
            continue
        versions[name] = version(name)
        needs = map(Requirement, requires(name) or ())
        applying = (n for n in needs if n.marker is None or n.marker.evaluate({"extra": ""}))
        wanted += [each.name.lower().replace("_", "-") for each in applying]
    versions |= {name: _installed(name) or known for name, known in _FASTER.items()}
    return [_line(name, versions[name]) for name in sorted(versions)]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _line(name: str, version: str) -> str:
    where = '; sys_platform != "win32"' if name in _WITHOUT_WINDOWS else ""
    return f"{name}=={version}{where}"
