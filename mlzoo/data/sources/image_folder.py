"""A folder of images: one folder a class, or train, valid and test folders with those in them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mlzoo.configs import Settings, image_size
from mlzoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.checking import Checked
    from mlzoo.data.folders import Listing
    from mlzoo.data.samples import Samples

_SHOWN = 10


class Config(Settings):
    """How an image folder is read."""

    data: str
    """The folder."""
    size: str | None = None
    """Image size to resize to: 64, or height x width as 48x64."""
    color: Literal["auto", "gray", "rgb"] = "auto"
    """Image channels: as most files have them, one, or three."""
    group_by: str | None = None
    """Regular expression on a file's path within its class folder; its first group, or all that it
    matches, names the group that must stay in one part."""
    on_bad: Literal["error", "skip"] = "error"
    """Unreadable files: refuse the data, or leave them out (up to --max-bad)."""
    max_bad: float = Field(0.01, gt=0, le=1)
    """The largest share of bad files that --on-bad skip accepts."""
    max_pixels: int = Field(89_478_485, ge=1)
    """Files with more pixels are refused before they are decoded."""


def recognises(path: str) -> bool:
    """Whether it is a folder that holds no x.npy."""
    folder = Path(path).expanduser()
    return folder.is_dir() and not (folder / "x.npy").is_file()


def load(config: Config, progress: Any = None) -> Samples:
    """List the folder, check every file, and give the images as rows that stay on disk."""
    import numpy as np

    from mlzoo.data.checking import check_images, choose_form
    from mlzoo.data.folders import class_names, list_folder
    from mlzoo.data.samples import Samples

    listing = list_folder(Path(config.data).expanduser())
    groups = None if config.group_by is None else _groups(listing, config.group_by)
    checked = check_images(
        listing.files,
        lambda headers: choose_form(headers, image_size(config.size), config.color),
        config.max_pixels,
        progress,
    )
    warnings = [*listing.warnings, *_judge(config, listing, checked)]
    names = tuple(class_names(listing))
    place = {name: position for position, name in enumerate(names)}
    good = checked.good.tolist()
    form = checked.form
    parts = np.array([listing.parts[i] for i in good]) if listing.parts[0] else None
    return Samples(
        inputs=checked.images,
        targets=np.array([place[listing.labels[i]] for i in good], dtype=np.int32),
        task="classification",
        kind="image",
        class_names=names,
        target_names=("class",),
        maximum=form.maximum,
        names=[listing.name(i) for i in good],
        groups=None if groups is None else groups[checked.good],
        given_parts=parts,
        hashes=checked.hashes,
        near_hashes=checked.near_hashes,
        problems=tuple((listing.name(i), reason) for i, reason in checked.problems.items()),
        reader={
            "kind": "image",
            "size": [form.height, form.width],
            "channels": form.channels,
            "dtype": form.dtype,
            "maximum": form.maximum,
            "max_pixels": config.max_pixels,
        },
        notes=(f"classes: {', '.join(names)}, by folder name", *checked.notes, *listing.notes()),
        warnings=tuple(warnings),
    )


def _groups(listing: Listing, pattern: str) -> np.ndarray:
    import numpy as np

    expression = re.compile(pattern)
    groups = []
    for index, inner in enumerate(listing.inner):
        match = expression.search(inner)
        if match is None:
            raise DataError(
                f"--group-by {pattern!r} does not match {listing.name(index)}; it is searched for "
                f"in the path within the class folder, here {inner!r}"
            )
        groups.append(match[1] if expression.groups else match[0])
    if any(group is None for group in groups):
        raise DataError(f"--group-by {pattern!r}: its first group is empty in some file names")
    return np.array(groups)


def _judge(config: Config, listing: Listing, checked: Checked) -> list[str]:
    """Refuse bad files, or say what leaving them out costs each class."""
    problems = checked.problems
    if not problems:
        return []
    share = len(problems) / len(listing.files)
    counted = f"{len(problems)} of {len(listing.files)} images can't be used"
    if config.on_bad == "error":
        advice = "mend or remove them, or leave them out with --on-bad skip"
        raise DataError(f"{counted}:\n{_listed(listing, problems)}\n{advice}")
    if share > config.max_bad:
        advice = f"that is {share:.1%}, more than --max-bad {config.max_bad:g} accepts"
        raise DataError(f"{counted}:\n{_listed(listing, problems)}\n{advice}")
    totals = Counter(listing.labels)
    lost = Counter(listing.labels[i] for i in problems)
    gone = [name for name, count in lost.items() if count == totals[name]]
    if gone:
        raise DataError(f"{counted}, all of class {', '.join(gone)}:\n{_listed(listing, problems)}")
    losses = ", ".join(f"{name} {count} of {totals[name]}" for name, count in sorted(lost.items()))
    return [f"{counted} and are left out ({losses}):\n{_listed(listing, problems)}"]


def _listed(listing: Listing, problems: dict[int, str]) -> str:
    lines = [f"  {listing.name(i)}: {reason}" for i, reason in list(problems.items())[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"  and {len(problems) - _SHOWN} more")
    return "\n".join(lines)
