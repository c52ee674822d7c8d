"""Pages: every kind is made once and opened, on phones and desks, by day and by night.

Short trainings and searches write one page of each kind; `mlzoo ui`, `mlzoo serve` and the site of
the documents are opened as well. Each is looked at in headless Chromium at widths of 390, 768, 1280
and 1920 pixels, in light and dark, with all of its tabs. The bars: no serious finding of axe and no
text of a contrast under 4.5; nothing wider than the page; no request to anybody else and no error;
the first contentful paint of a page (PerformanceObserver, the median of 5) within a second.

    python benchmarks/pages.py [--pictures FOLDER] [--keep FOLDER] [NAME ...]
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from measuring import MLZOO, REPOSITORY, arguments, run_well, table, verdict

sys.path.insert(0, str(REPOSITORY))

from tests.browser import Browser, checks, program  # noqa: E402

WIDTHS = ((390, 844), (768, 1024), (1280, 900), (1920, 1080))
JUDGED = (390, 1280)
"""Widths at which axe looks at every tab; colors are the same at the others."""
PAINTED, OPENINGS = 1.0, 5
SEARCH_BYTES = 1_000_000
PAINT = """new Promise(done => new PerformanceObserver(list => {
  const paint = list.getEntries().find(e => e.name === "first-contentful-paint");
  if (paint) done(paint.startTime);
}).observe({ type: "paint", buffered: true }))"""
TABS = "[...document.querySelectorAll('[role=tab]')].map(t => t.getAttribute('aria-controls'))"
PAGES: dict[str, tuple[str, str]] = {
    "report, images": ("train cnn digits --epochs 6 --name cnn-digits", "cnn-digits/report.html"),
    "report, table": ("train mlp wine --epochs 20 --name mlp-wine", "mlp-wine/report.html"),
    "report, numbers": ("train mlp stress-strain --epochs 10 --name line", "line/report.html"),
    "report, masks": ("train unet shapes --epochs 2 --name masks", "masks/report.html"),
    "report, series": (
        "train nlinear mackey-glass --horizon 10 --epochs 4 --name series",
        "series/report.html",
    ),
    "report, no labels": (
        "train autoencoder digits --set code=2 --epochs 3 --name code",
        "code/report.html",
    ),
    "report, equations": ("train pinn heat --epochs 20 --name heat", "heat/report.html"),
    "report, episodes": ("train dqn grid-world --epochs 3 --name played", "played/report.html"),
    "report, repeats": (
        "train mlp wine --repeats 3 --epochs 8 --name repeated",
        "repeated/report.html",
    ),
    "comparison": ("compare OUT/mlp-wine OUT/repeated --out OUT/compared.html", "compared.html"),
    "search": (
        "tune mlp wine --trials 12 --folds 3 --epochs 3 --name search",
        "search/report.html",
    ),
    "strategies": (
        "tune mlp wine --compare random,bayesian --trials 4 --epochs 2 --name strategies",
        "strategies-compared/report.html",
    ),
    "explanation, image": (
        "explain OUT/cnn-digits --method gradcam,integrated_gradients --out OUT/maps",
        "maps/index.html",
    ),
    "explanation, row": (
        "explain OUT/mlp-wine --method integrated_gradients --out OUT/rows",
        "rows/index.html",
    ),
    "inspection, table": ("data inspect wine --page OUT/wine.html", "wine.html"),
    "inspection, images": ("data inspect digits --page OUT/digits.html", "digits.html"),
    "audit": ("data audit OUT/cnn-digits --out OUT/audit", "audit/audit.html"),
    "drift": ("data compare OUT/mlp-wine OUT/new.csv --out OUT/drift", "drift/compare.html"),
    "landscape": (
        "landscape rosenbrock --optimizer sgd,adam,lbfgs --name rosenbrock",
        "rosenbrock/index.html",
    ),
    "landscape, bound": ("landscape bowl --subject-to x+y=1 --name bowl", "bowl/index.html"),
    "landscape, run": (
        "landscape OUT/mlp-wine --budget 10 --name around",
        "around/index.html",
    ),
    "learning curve": (
        "landscape linear iris --samples --repeat 2 --epochs 3 --name learning",
        "learning/index.html",
    ),
}
"""The command that makes a page of each kind, and where it lies; OUT is the folder."""
SERVED = {
    "ui": ("ui OUT", "report, table"),
    "form of an image": ("serve OUT/cnn-digits", "report, images"),
    "form of a row": ("serve OUT/mlp-wine", "report, table"),
}
"""The command that serves a page, and the page whose run it needs."""
NAMES = f"{', '.join([*PAGES, *SERVED])}, site, or files of pages"
SETTLED = (
    "new Promise(done => setTimeout(done, document.querySelector('#charts, #form') ? 700 : 0))"
)
"""Pages of `ui` and `serve` ask for what they show."""


def make(out: Path, names: list[str]) -> dict[str, Path]:
    """Make the pages that are not there yet; return their files by name."""
    new = out / "new.csv"
    if not new.exists():
        from sklearn.datasets import load_wine

        load_wine(as_frame=True).data.assign(alcohol=lambda t: t.alcohol + 1).to_csv(
            new, index=False
        )
    for name in names:
        command, page = PAGES[name]
        if not (out / page).exists():
            words = [word.replace("OUT", str(out)) for word in command.split()]
            writes = words[0] in ("train", "tune", "landscape")
            run_well([MLZOO, *words, *(("--out", out) if writes else ())])
    return {name: out / PAGES[name][1] for name in names}


@contextmanager
def served(*words: Any) -> Iterator[str]:
    """Run a command that serves a page; give the address that it prints."""
    command = [str(word) for word in (MLZOO, *words, "--port", "0")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
    )
    assert process.stdout is not None
    try:
        printed = ""
        for line in process.stdout:
            printed += line
            if address := re.search(r"http://[\w.]+:\d+/?", line):
                yield address[0]
                return
        sys.exit(f"{' '.join(command)} printed no address:\n{printed}")
    finally:
        process.terminate()
        process.wait()


def look(
    browser: Browser, page: Path | str, name: str, pictures: Path | None, site: bool = False
) -> tuple[float, int, list[str]]:
    """Open a page at every width in light and dark.

    Args:
        browser: the browser.
        page: a file or an address.
        name: of the page.
        pictures: the folder for screenshots, or None.
        site: of the documents: its theme is not held to `faint` and `nameless`.

    Returns:
        The median of the seconds to its first contentful paint, the number of requests to others
        than its own address, and what was found.
    """
    findings: list[str] = []
    others = 0
    for width, height in WIDTHS:
        for dark in (False, True):
            where = f"{width} {'dark' if dark else 'light'}"
            browser.open(page, width=width, height=height, dark=dark)
            browser.run(SETTLED)
            if width in JUDGED:
                browser.run(checks())
            for tab in (browser.run(TABS) if width in JUDGED else []) or [""]:
                if tab:
                    browser.run(f"document.querySelector('[aria-controls=\"{tab}\"]').click()")
                seen = browser.run("serious()") if width in JUDGED else []
                if width in JUDGED and not site:
                    seen += [f"faint: {each}" for each in browser.run("faint()")]
                    seen += [f"nameless: {each}" for each in browser.run("nameless()")]
                wide = browser.run("document.documentElement.scrollWidth")
                seen += [f"wide: {wide} pixels"] if wide > width else []
                findings += [f"{name} {where} {tab}: {each}" for each in seen]
                if pictures:
                    file = re.sub("[ /]", "-", f"{name} {tab} {where}.png".replace(",", ""))
                    browser.picture(pictures / file)
            findings += [f"{name} {where}: {each}" for each in browser.complaints]
            own = page.resolve().parent.as_uri() if isinstance(page, Path) else page
            own = "file://" if site else own
            others += sum(not each.startswith((own, "blob:")) for each in browser.requests)
    paints = []
    for _ in range(OPENINGS):
        browser.open(page, width=1280)
        paints.append(browser.run(PAINT) / 1000)
    return median(paints), others, findings


def site(folder: Path) -> list[Path]:
    """Build the site of the documents; return its pages.

    404.html is left out: its addresses are those of a server.
    """
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    run_well(command, NO_MKDOCS_2_WARNING="1")
    return sorted(page for page in folder.rglob("*.html") if page.name != "404.html")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("names", nargs="*", help=NAMES)
    parser.add_argument("--pictures", type=Path, help="folder for screenshots")
    parser.add_argument("--keep", type=Path, help="folder for the pages, which are made once")
    args = parser.parse_args()
    if program() is None:
        sys.exit("pages are opened in Chromium, and there is none (Debian: apt install chromium)")
    names = args.names or [*PAGES, *SERVED, "site"]
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    rows: list[list[Any]] = []
    findings: list[str] = []
    with tempfile.TemporaryDirectory() as temporary, Browser() as browser:
        out = (args.keep or Path(temporary)).resolve()
        out.mkdir(parents=True, exist_ok=True)

        def note(name: str, page: Path | str, site: bool = False) -> None:
            paint, others, seen = look(browser, page, name, args.pictures, site)
            size = page.stat().st_size if isinstance(page, Path) else ""
            rows.append([name, size, paint, others, len(seen)])
            findings.extend(seen)

        for file in [name for name in names if name.endswith(".html")]:
            note(Path(file).stem, Path(file))
        for name, page in make(out, [name for name in names if name in PAGES]).items():
            note(name, page)
        for name in [name for name in names if name in SERVED]:
            command, needed = SERVED[name]
            make(out, [needed])
            with served(*(word.replace("OUT", str(out)) for word in command.split())) as address:
                note(name, address)
        if "site" in names:
            for page in site(out / "site"):
                note(f"site {page.parent.relative_to(out / 'site')}", page, site=True)
    table(["page", "bytes", "painted s", "requests to others", "findings"], rows)
    print(*findings[:60], sep="\n")
    print(f"no serious finding, nothing faint or too wide, no error: {verdict(not findings)}")
    print(f"no request to others: {verdict(not any(row[3] for row in rows))}")
    slow = max(row[2] for row in rows)
    print(f"each painted within {PAINTED:g} s (slowest {slow:.2f}): {verdict(slow < PAINTED)}")
    sizes = [row[1] for row in rows if row[0] in ("search", "strategies")]
    print(f"searches under {SEARCH_BYTES:,} bytes: {verdict(all(s < SEARCH_BYTES for s in sizes))}")


if __name__ == "__main__":
    main()
