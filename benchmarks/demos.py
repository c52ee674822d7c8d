"""Demos: each is done within a minute, and its report is small and quick to open.

Runs `mlzoo train --demo NAME` for each family in a temporary place, or takes the run folders that
are named, and opens each report in headless Chromium where there is one. The bars: 60 seconds a
demo on 2 cores, offline; a report under 3 MB, painted within 1 second, without a request or an
error.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import MLZOO, REPOSITORY, arguments, run_well, table, verdict

DEMOS = ("mlp", "cnn", "unet", "rnn")
SECONDS, BYTES, PAINTED = 60.0, 3_000_000, 1.0


def opened(pages: list[Path]) -> list[tuple[float | str, int | str, int | str]]:
    """Seconds to the first paint, requests beside the page itself, and errors, of each page."""
    sys.path.insert(0, str(REPOSITORY))
    from tests.browser import Browser, program

    if program() is None:
        print("no Chromium: reports are not opened")
        return [("", "", "")] * len(pages)
    found: list[tuple[float | str, int | str, int | str]] = []
    with Browser() as browser:
        for page in pages:
            browser.open(page)
            paint = browser.run(
                "new Promise(done => new PerformanceObserver(list => "
                "done(list.getEntries()[0].startTime)).observe({type: 'paint', buffered: true}))"
            )
            found.append((paint / 1000, len(browser.requests) - 1, len(browser.complaints)))
    return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("runs", nargs="*", type=Path, help="run folders in place of the demos")
    args = parser.parse_args()
    rows: list[list[Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folders: list[Path] = list(args.runs)
        costs: list[tuple[float | str, float | str]] = [("", "")] * len(folders)
        if not folders:
            for name in DEMOS:
                folder = Path(temporary) / name
                command = [MLZOO, "train", "--demo", name, "--out", temporary, "--name", name]
                cost = run_well(command)
                folders.append(folder)
                costs.append((cost.cpu, cost.wall))
        pages = [folder / "report.html" for folder in folders]
        for page, cost, seen in zip(pages, costs, opened(pages), strict=True):
            rows.append([page.parent.name, *cost, page.stat().st_size, *seen])
    table(["run", "CPU s", "wall s", "report bytes", "painted s", "requests", "errors"], rows)
    slow = [row[0] for row in rows if row[2] != "" and row[2] > SECONDS]
    if any(row[2] != "" for row in rows):
        print(f"each demo within {SECONDS:.0f} s: {verdict(not slow)}")
    print(f"each report under {BYTES:,} bytes: {verdict(all(row[3] < BYTES for row in rows))}")
    if all(row[4] != "" for row in rows):
        quick = all(row[4] < PAINTED and not row[5] and not row[6] for row in rows)
        print(f"each painted within {PAINTED:g} s, no request, no error: {verdict(quick)}")


if __name__ == "__main__":
    main()
