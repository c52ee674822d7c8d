"""Links in folders that others made, through which a command would write elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from mlzoo.core.errors import UsageError


def refuse_links(root: Path, target: Path | None = None) -> None:
    """Raise UsageError where something that is written in a folder would land outside of it.

    Links that stay within the folder are no harm, and the folder itself may be a link.

    Args:
        root: folder of a run or a search.
        target: what is to be written; None: anything in the folder. Outside of the folder, where
            a user asked for it, nothing is checked.
    """
    target = target or root
    if not target.is_relative_to(root):
        return
    inner = target.relative_to(root).parts
    chain = [root.joinpath(*inner[: count + 1]) for count in range(len(inner))]
    below = (
        Path(folder, name)
        for folder, folders, files in os.walk(target)
        for name in (*folders, *files)
    )
    home = os.path.realpath(root)
    for path in (*chain, *below):
        if not path.is_symlink():
            continue
        leads = os.path.realpath(path)
        if os.path.commonpath([home, leads]) != home:
            raise UsageError(
                f"{path} is a link to {leads}, outside of {root}: nothing is written through it; "
                "remove it or put what it leads to in its place"
            )
