"""Print the test files that a change touches, for `make quick`.

A change is what differs from `origin/main`, or from the last commit where there is no such branch
or nothing differs. A test file is touched if it has changed, if something that it imports,
directly or not, has changed, or if it stands in the folder of a package that has: plug-ins are
imported by name.
"""

from __future__ import annotations

import ast
import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = {"mlzoo": ROOT, "mlzoo_cli": ROOT / "cli", "tests": ROOT}


def git(*words: str) -> list[str]:
    """Return the lines that a git command prints; none where it fails."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.split("\n")[:-1] if done.returncode == 0 else []


def changed() -> set[Path]:
    """Return the files that differ from the last state that was shared."""
    base = (git("merge-base", "HEAD", "origin/main") or ["HEAD"])[0]
    names = git("diff", "--name-only", base) + git("ls-files", "--others", "--exclude-standard")
    return {ROOT / name for name in names or git("diff", "--name-only", "HEAD~1")}


def file_of(module: str) -> Path | None:
    """Return the file of a module of ours, None for others."""
    base = SOURCES.get(module.partition(".")[0])
    if base is None:
        return None
    path = base / module.replace(".", "/")
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


@functools.cache
def imports(path: Path) -> frozenset[Path]:
    """Return the files of ours that a file imports, within functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(file for file in map(file_of, names) if file)


def reached(path: Path) -> set[Path]:
    """Return a file and all files of ours that it imports, directly or not."""
    found: set[Path] = set()
    ahead = [path]
    while ahead:
        file = ahead.pop()
        if file not in found:
            found.add(file)
            ahead += imports(file)
    return found


def touched(files: set[Path]) -> list[Path]:
    """Return the test files that a change of these files touches, sorted."""
    tests = sorted((ROOT / "tests").rglob("test_*.py"))
    if {ROOT / "pyproject.toml", ROOT / "requirements.lock", ROOT / "tests/conftest.py"} & files:
        return tests
    folders = {ROOT / "tests" / file.parent.name for file in files if "tests" not in file.parts}
    return [test for test in tests if test.parent in folders or reached(test) & files]


if __name__ == "__main__":
    print("\n".join(str(path.relative_to(ROOT)) for path in touched(changed())))
