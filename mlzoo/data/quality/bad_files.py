"""Unusable files, and groups made of file names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.messages import one_line

_SHOWN = 10


def judge(
    problems: Mapping[str, str],
    total: int,
    on_bad: str,
    max_bad: float,
    losses: str = "",
    what: str = "images",
) -> list[str]:
    """Refuse bad files, or say what leaving them out costs.

    Args:
        problems: a reason for each bad file, by name.
        total: files in all.
        on_bad: `error` refuses any; `skip` accepts up to `max_bad` of them.
        max_bad: share of the files.
        losses: what each class loses, for the message.
        what: what the files are.

    Raises:
        DataError: with the names and reasons.
    """
    if not problems:
        return []
    share = len(problems) / total
    counted = f"{len(problems)} of {total} {what} can't be used"
    if on_bad == "error":
        advice = "mend or remove them, or leave them out with --on-bad skip"
        raise DataError(f"{counted}:\n{listed(problems)}\n{advice}")
    if share > max_bad:
        advice = f"that is {share:.1%}, more than --max-bad {max_bad:g} accepts"
        raise DataError(f"{counted}:\n{listed(problems)}\n{advice}")
    return [f"{counted} and are left out{losses and f' ({losses})'}:\n{listed(problems)}"]


def listed(problems: Mapping[str, str]) -> str:
    """Names and reasons, a line each, the first ones of many."""
    lines = [
        f"  {one_line(name)}: {one_line(why)}" for name, why in list(problems.items())[:_SHOWN]
    ]
    if len(problems) > _SHOWN:
        lines.append(f"  and {len(problems) - _SHOWN} more")
    return "\n".join(lines)


def unlisted(warning: str) -> str:
    """A warning of `judge` without the files that it lists."""
    return warning.partition(":\n  ")[0]


def groups_by(pattern: str, names: Sequence[str], inner: Sequence[str], where: str) -> np.ndarray:
    """The group of each file, from a regular expression on its path within its folder.

    Args:
        pattern: its first group, or all that it matches, names the group.
        names: the files, for messages.
        inner: the paths that are searched.
        where: within what those are, for messages.

    Raises:
        DataError: it does not match a file.
    """
    expression = re.compile(pattern)
    groups = []
    for name, path in zip(names, inner, strict=True):
        match = expression.search(path)
        if match is None:
            raise DataError(
                f"--group-by {pattern!r} does not match {name}; it is searched for in the path "
                f"within {where}, here {path!r}"
            )
        groups.append(match[1] if expression.groups else match[0])
    if any(group is None for group in groups):
        raise DataError(f"--group-by {pattern!r}: its first group is empty in some file names")
    return np.array(groups)
