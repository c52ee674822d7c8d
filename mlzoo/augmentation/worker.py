"""A process that changes images in shared memory as it is told on its input; see `workers`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any


def main() -> None:
    """Read what to do, then change batch after batch until the input closes."""
    import cv2

    from mlzoo.augmentation.images import AugmentedForm, ImageChanges
    from mlzoo.augmentation.workers import mapped

    cv2.setNumThreads(1)
    settings: dict[str, Any] = json.loads(sys.stdin.readline())
    form = AugmentedForm(**{**settings["form"], "shape": tuple(settings["form"]["shape"])})
    images, masks = mapped(settings["memory"], settings["batch"], form)
    with contextlib.suppress(OSError):
        # Both have it open: nothing is left behind, however they end. Windows refuses that.
        os.unlink(settings["memory"])
    change = ImageChanges(settings["steps"], form)
    for line in sys.stdin:
        job = json.loads(line)
        for place, seed in enumerate(job["seeds"]):
            image, mask = change(images[place], masks[place] if job["masks"] else None, seed)
            images[place] = image
            if mask is not None:
                masks[place] = mask
        print("done", flush=True)


if __name__ == "__main__":
    main()
