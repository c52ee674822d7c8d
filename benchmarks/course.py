"""Every command of the walk in `docs/course.md`, one after the other: exit codes and seconds.

They run in a folder of their own, where runs have the names that the page gives them. `--quick`
trains for one epoch, and searches with three trials. Commands on data of `../shared/data` that are
not there are left out.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import REPOSITORY, arguments, data_argument

PAGE = Path(__file__).parents[1] / "docs" / "course.md"
COMMAND = [sys.executable, "-m", "mlzoo"]
TRAINS = ("train", "tune")
SOLVED = ("linear", "fixed", "pinn")
"""Models whose `--quick` run takes no epochs: they are solved, given, or stop by themselves."""
NETWORK = ("weights",)
"""Commands that download, and are left out."""
DATA = {
    "winequality-red.csv": "tables/winequality-red.csv",
    **{name: name for name in ("crack_patches", "crack_patches_masks", "crack_tiles")},
}
"""Data that are linked into the folder, and where they lie in the data folder."""
BLOCKS = ("network.yaml", "points.csv", "starts.csv")
"""Files that the page shows, each in a block behind a line that begins with its name."""


def rows(text: str) -> list[tuple[str, str]]:
    """Return the subject and a command for each command in the rows of the page's tables."""
    commands = []
    for line in re.findall(r"^\| .*", text, flags=re.MULTILINE):
        subject = line.split("|")[1].strip()
        commands += [(subject, command) for command in re.findall(r"`(mlzoo [^`]+)`", line)]
    return [
        (subject, command) for subject, command in commands if command.split()[1] not in NETWORK
    ]


def write_blocks(text: str, folder: Path) -> None:
    """Write the files that the page shows, one block each."""
    for name in BLOCKS:
        pattern = rf"^`{re.escape(name)}`[^`]*^```\w+\n(.*?)^```$"
        (block,) = re.findall(pattern, text, flags=re.MULTILINE | re.DOTALL)
        (folder / name).write_text(block)


def quick(words: list[str]) -> list[str]:
    """Return the words of a command, which trains for one epoch where it trains by epochs.

    A path of snapshots takes three, and a search has three trials.
    """
    if "--trials" in words:
        words = _with(words, "--trials", "3")
    varied = "--vary" in words and any(word.startswith("epochs=") for word in words)
    if words[0] not in TRAINS or words[1] in SOLVED or varied:
        return words
    return _with(words, "--epochs", "3" if "--snapshots" in words else "1")


def _with(words: list[str], flag: str, value: str) -> list[str]:
    """Return the words with another value of a flag."""
    if flag not in words:
        return [*words, flag, value]
    at = words.index(flag) + 1
    return [*words[:at], value, *words[at + 1 :]]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="train for one epoch, search with three trials"
    )
    parser.add_argument("--only", help="run the rows whose subject or command holds this text")
    data_argument(parser)
    args = parser.parse_args()
    text = PAGE.read_text("utf-8")
    failed, run = [], 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_blocks(text, folder)
        absent = []
        for name, inside in DATA.items():
            source = REPOSITORY / args.data / inside
            if source.exists():
                (folder / name).symlink_to(source.resolve())
            else:
                absent.append(name)
        for subject, command in rows(text):
            words = shlex.split(command)[1:]
            if args.only and args.only not in f"{subject} {command}":
                continue
            lacking = [name for name in absent if name in words]
            if lacking:
                print(f"left out {subject}: there is no {lacking[0]} in {args.data}")
                continue
            if args.quick:
                words = quick(words)
            began = time.monotonic()
            done = subprocess.run([*COMMAND, *words], cwd=folder, capture_output=True, text=True)
            run += 1
            print(f"{done.returncode:>3}  {time.monotonic() - began:7.1f} s  {subject}", flush=True)
            if done.returncode:
                failed.append(command)
                print(f"     {command}\n     {done.stderr.strip().splitlines()[-1:]}", flush=True)
    print(f"{run} commands run, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
