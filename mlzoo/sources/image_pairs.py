"""Degraded images and their clean ones: noisy/ and clean/ with the same file names in both.

The folders may also be called degraded, input, low, lr, blurred or damaged, and target, truth, gt,
high, hr or sharp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.files import expand
from mlzoo.core.validation.values import image_size

if TYPE_CHECKING:
    from mlzoo.data.samples import Samples


class Config(Settings):
    """Settings of the source image_pairs."""

    data: str
    """The folder."""
    size: str | None = None
    """Image size to resize to: 64, or height x width as 48x64; by default images keep theirs."""
    color: Literal["auto", "gray", "rgb"] = "auto"
    """Image channels: as most files have them, one, or three."""
    group_by: str | None = None
    """Regular expression on a file's path within the folder; its first group, or all that it
    matches, names the group that must stay in one split."""
    on_bad: Literal["error", "skip"] = "error"
    """Unreadable or unpaired files: refuse the data, or leave them out (up to --max-bad)."""
    max_bad: float = Field(0.01, gt=0, le=1)
    """The largest share of bad files that --on-bad skip accepts."""
    cache: str = "auto"
    """Folder for decoded images; auto or none as `--cache` says."""
    cache_size: float = Field(20.0, gt=0)
    """The most that it holds, in GB."""
    max_pixels: int = Field(89_478_485, ge=1)
    """Files with more pixels are refused before they are decoded."""


def recognizes(path: str) -> bool:
    """Return whether it is a folder of degraded and clean images of the same names."""
    from mlzoo.data.images.layouts import has_pairs

    folder = expand(path)
    return folder.is_dir() and not (folder / "x.npy").is_file() and has_pairs(folder)


def load(config: Config, progress: Any = None) -> Samples:
    """Pair the files, check every one, and give both as rows that stay on disk."""
    from mlzoo.data.decoded.space import CacheChoice
    from mlzoo.data.images.degradation import channel_names
    from mlzoo.data.images.pairs import check_image_pairs, list_image_pairs
    from mlzoo.data.masks.reader import DenseReader
    from mlzoo.data.quality.bad_files import judge
    from mlzoo.data.quality.duplicates import grouped
    from mlzoo.data.samples import Samples

    root = expand(config.data)
    pairs, size = list_image_pairs(root), image_size(config.size)
    cache = CacheChoice(config.cache, config.cache_size)
    checked = check_image_pairs(pairs, size, config.color, config.max_pixels, progress, cache)
    total = len(pairs.degraded) + len(pairs.problems)
    warnings = judge(checked.problems, total, config.on_bad, config.max_bad, what="pairs of images")
    grouping = grouped(root, checked.names, checked.names, config.group_by, "the folder")
    channels = int(checked.degraded.shape[-1])
    return Samples(
        inputs=checked.degraded,
        targets=checked.clean,
        task="restoration",
        kind="image",
        target_names=channel_names(channels),
        maximum=1.0,
        names=checked.names,
        groups=grouping.groups,
        copies=grouping.copies,
        hashes=checked.hashes,
        target_hashes=checked.clean_hashes,
        sizes=checked.sizes,
        problems=tuple(checked.problems.items()),
        reader=DenseReader(
            kind="image",
            maximum=1.0,
            size=size,
            channels=channels,
            dtype="float32",
            max_pixels=config.max_pixels,
            images=checked.statistics,
        ),
        notes=(*checked.notes, *grouping.notes),
        warnings=tuple(warnings),
    )
