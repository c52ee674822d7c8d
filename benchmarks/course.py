"""Every command of the walk in `docs/course.md`, one after the other: exit codes and seconds.

They run in a folder of their own, where runs have the names that the page gives them. `--quick`
trains for one epoch. Without the red wine of `../shared/data/tables` its rows are left out.
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


def rows(text: str) -> list[tuple[str, str]]:
    """Return the subject and the command of each row of the page's tables."""
    return re.findall(r"^\| ([^|]+?) \| `(mlzoo [^`]+)`", text, flags=re.MULTILINE)


def one_epoch(words: list[str]) -> list[str]:
    """Return the words of a command, which trains for one epoch where it trains by epochs."""
    if words[0] not in TRAINS or words[1] in SOLVED:
        return words
    if "--epochs" not in words:
        return [*words, "--epochs", "1"]
    at = words.index("--epochs") + 1
    return [*words[:at], "1", *words[at + 1 :]]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--quick", action="store_true", help="train for one epoch")
    data_argument(parser)
    args = parser.parse_args()
    text = PAGE.read_text("utf-8")
    wine = REPOSITORY / args.data / "tables" / "winequality-red.csv"
    failed = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (network,) = re.findall(r"^```yaml\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
        (folder / "network.yaml").write_text(network)
        if wine.is_file():
            (folder / wine.name).symlink_to(wine.resolve())
        for subject, command in rows(text):
            if wine.name in command and not wine.is_file():
                print(f"left out {subject}: there is no {wine}")
                continue
            words = shlex.split(command)[1:]
            if args.quick:
                words = one_epoch(words)
            if words[0] not in TRAINS:  # whose first word is a model, perhaps of a run's name
                runs = folder / "saved_models"
                words = [f"saved_models/{w}" if (runs / w).is_dir() else w for w in words]
            began = time.monotonic()
            done = subprocess.run([*COMMAND, *words], cwd=folder, capture_output=True, text=True)
            print(f"{done.returncode:>3}  {time.monotonic() - began:7.1f} s  {subject}", flush=True)
            if done.returncode:
                failed.append(command)
                print(f"     {command}\n     {done.stderr.strip().splitlines()[-1:]}", flush=True)
    print(f"{len(failed)} of {len(rows(text))} commands failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
