"""Images under a folder, found by what tables call them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from mlzoo.core.files import as_text
from mlzoo.data.images.folders import images_below


class FileIndex:
    """Images under a folder by the ends of their paths, with or without what ends the name."""

    def __init__(self, root: Path, table_name: str) -> None:
        self.root = root
        self._preferred = table_name
        self.files = images_below(root).files
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, file in enumerate(self.files):
            for tail in _tails(file.relative_to(root)):
                self._places[tail].append(place)

    def find(self, cell: str) -> list[Path]:
        """Return the images that a cell may mean, one where it is clear."""
        name = _posix(cell)
        places = self._places.get(name, [])
        if len(places) == 1:
            return [self.files[places[0]]]
        if not places:
            location = self.root / name
            return [location] if PurePosixPath(name).suffix and os.path.isfile(location) else []
        folders = ("", f"{self._preferred}/")
        for folder in folders:  # the path itself, then within the folder called as the table is
            same = [
                place
                for place in places
                if folder + name in _whole(self.files[place].relative_to(self.root))
            ]
            if len(same) == 1:
                return [self.files[same[0]]]
        return [self.files[place] for place in places]

    def shortened(self, cells: Sequence[str | None]) -> list[str | None]:
        """Return names without leading folders that all have and that are not here.

        A table may have been written where its folder was called otherwise.
        """
        names = [None if cell is None else _posix(cell) for cell in cells]
        known = [name for name in names if name is not None]
        if not known or any(self.find(name) for name in known):
            return names
        shared = os.path.commonprefix([PurePosixPath(name).parent.parts for name in known])
        for count in range(1, len(shared) + 1):
            cut = [_without(name, count) for name in names]
            if any(self.find(name) for name in cut if name is not None):
                return cut
        return names


def _without(name: str | None, count: int) -> str | None:
    return None if name is None else "/".join(PurePosixPath(name).parts[count:])


def _posix(cell: str) -> str:
    return PurePosixPath(cell.replace("\\", "/")).as_posix()


def _whole(path: Path) -> tuple[str, str]:
    return as_text(path.as_posix()), as_text(path.with_suffix("").as_posix())


def _tails(path: Path) -> list[str]:
    """Return the ends of a path, from its name alone to all of it."""
    parts = [as_text(part) for part in path.parts]
    ends = ["/".join(parts[start:]) for start in range(len(parts))]
    return [*ends, *(end.removesuffix(path.suffix) for end in ends)]
