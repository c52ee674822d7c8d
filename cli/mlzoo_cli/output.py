"""Data on stdout; progress, notes and errors as sentences on stderr, with exit codes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

from mlzoo.core import errors
from mlzoo.core.errors import disk_full, terminable
from mlzoo.core.files import csv_text, safe_csv
from mlzoo.core.messages import STEERS, one_line, printable
from mlzoo.core.progress import Listener, terminal
from mlzoo.core.registry import trust_anew

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

EXIT_CODES: dict[type[BaseException], int] = {
    errors.UsageError: 2,
    errors.DataError: 3,
    errors.ResourceError: 4,
    errors.DivergedError: 5,
    errors.MlzooError: 1,
}

_EPOCH_LINES = 100
_STOPPED = "stopped; run the same command again"
"""Of a command that does not say better how to continue."""


class Escaping:
    """A stream of text that writes control characters as text, so that none steers the terminal.

    Names of files, classes and columns may hold any. `stream` is what lies below: bars that move
    the cursor write there.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text, escaped."""
        self.stream.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def console() -> Console:
    """Return the console that draws bars and tables on stderr; text is shown as it is."""
    from rich.console import Console

    return Console(file=terminal(), markup=False, emoji=False, highlight=False)


def say(text: str) -> None:
    """Print a line on stderr."""
    print(printable(text), file=sys.stderr, flush=True)  # A bar may have taken over stderr.


def show(content: Any) -> None:
    """One JSON document, on stdout; in ASCII where stdout does not take UTF-8."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    plain = encoding not in ("utf8", "utf8sig")
    text = json.dumps(content, indent=1, ensure_ascii=plain, allow_nan=False)
    # Within JSON only strings hold such characters.
    print(STEERS.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def show_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    """A CSV table on stdout, a line a row: control characters within cells are escaped."""
    sys.stdout.write(
        csv_text([{_escaped(n): _escaped(value) for n, value in row.items()} for row in rows])
    )


def _escaped(value: Any) -> Any:
    return one_line(value) if isinstance(value, str) else value


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows as text in columns; numbers stand right."""
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *texts]) for i in range(len(header))]
    right = [all(_is_number(row[i]) for row in rows) and bool(rows) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(
            c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True)
        ).rstrip()

    return "\n".join([line(header), *map(line, texts)])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return one_line(str(value))


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, int | float)


def run_command(command: Callable[[], Any]) -> int:
    """Run the command line; returns its exit code and prints errors as sentences."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A letter that stdout can't show, such as in a file's name, is no reason to end.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        out, err = Escaping(sys.stdout), Escaping(sys.stderr)
        with (
            redirect_stdout(out),
            redirect_stderr(err),
            trust_anew(),
            safe_csv(),
            terminable(),
        ):
            try:
                command()
            finally:
                sys.stdout.flush()  # a full disk shows here, while it can still be told
    except SystemExit as error:
        if error.code == 128 + signal.SIGINT:
            say(_STOPPED)  # Typer turned Ctrl-C into this
        return error.code if isinstance(error.code, int) else 1
    except errors.Interrupted as error:
        say(str(error) if error.next else _STOPPED)
        return 128 + error.signal
    except KeyboardInterrupt:
        say(_STOPPED)
        return 128 + signal.SIGINT
    except errors.ResourceError as error:
        return _report(error, str(error))
    except BrokenPipeError:
        _drop_stdout()
        return 1
    except Exception as error:
        full = errors.find_disk_full(error)
        if full is not None:
            _drop_stdout()
            return _report(error, disk_full(full), 4)
        if isinstance(error, errors.MlzooError):
            return _report(error, str(error))
        if isinstance(error, OSError) and error.errno is not None:
            named = f": {error.filename}" if error.filename else ""
            return _report(error, f"{error.strerror}{named}", 1)
        if errors.is_out_of_memory(error):
            return _report(error, _out_of_memory(), 4)
        text = f"{type(error).__name__}: {str(error).strip() or 'no message'}"
        return _report(
            error, f"{text}\nThis is a bug in mlzoo. Rerun with MLZOO_DEBUG=1 for a traceback.", 1
        )
    return 0


_SMALLER = {
    "train": "; try a smaller --batch-size, --tile, --size or model",
    "predict": "; where every pixel is predicted try a smaller --tile",
}
"""Options of a command that take less memory."""


def _drop_stdout() -> None:
    """Send what is left for stdout nowhere, where it can't be written."""
    with contextlib.suppress(OSError):  # it may be no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _out_of_memory() -> str:
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return f"out of memory{_SMALLER.get(command, '')}"


def _report(error: BaseException, text: str, code: int | None = None) -> int:
    if os.environ.get("MLZOO_DEBUG"):
        traceback.print_exception(error)
    with contextlib.suppress(OSError):  # stderr may stand on the full disk too
        for line in text.split("\n"):
            say(f"error: {line}")
    if code is None:
        code = next(c for kind, c in EXIT_CODES.items() if isinstance(error, kind))
    return code


class ConsoleReporter(Listener):
    """Prints progress: a bar on a terminal, a line an epoch elsewhere."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._what = ""
        self._epochs = self._steps = 0
        self._drawn = 0.0
        self._rate: float | None = None

    @property
    def _terminal(self) -> bool:
        return sys.stderr.isatty()

    def note(self, text: str) -> None:
        """Print an inference."""
        if not self._quiet:
            say(text)

    def warn(self, text: str) -> None:
        """Print a warning."""
        say(f"warning: {text}")

    def progress(self, done: int, total: int, what: str) -> None:
        """Move the bar of a countable piece of work; only on a terminal."""
        if self._quiet or not self._terminal:
            return
        if self._what != what:
            self._open(what, total)
        assert self._bar is not None and self._task is not None
        self._bar.update(self._task, completed=done, total=total)
        if done >= total:
            self.end()

    def start(self, what: str, epochs: int, steps: int) -> None:
        """Open the bar of a training."""
        self._epochs, self._steps = epochs, steps
        if self._terminal and not self._quiet:
            self._open("training", epochs * steps)

    def step(self, epoch: int, step: int, logs: Mapping[str, float]) -> None:
        """Move the bar of a training, at most ten times a second."""
        now = time.monotonic()
        if self._bar is None or self._task is None or now - self._drawn < 0.1:
            return
        self._drawn = now
        self._bar.update(
            self._task,
            completed=(epoch - 1) * self._steps + step,
            description=f"epoch {epoch}/{self._epochs}  {_figures(logs)}",
        )

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Print the line of an epoch; on a terminal it stands above the bar.

        Of many epochs only some are printed: history.csv has them all.
        """
        number = int(row["epoch"])
        every = max(1, -(-self._epochs // _EPOCH_LINES))
        if self._quiet or (number % every and number not in (1, self._epochs)):
            return
        hidden = {"epoch", "seconds"} | ({"learning_rate"} if self._same_rate(row) else set())
        figures = {n: v for n, v in row.items() if n not in hidden}
        seconds = f"  {row['seconds']:.1f} s" if "seconds" in row else ""
        text = f"epoch {number}/{self._epochs}  {_figures(figures)}{seconds}"
        if self._bar is None or self._task is None:
            say(text)
        else:
            self._bar.console.print(one_line(text), soft_wrap=True)
            self._bar.update(self._task, completed=number * self._steps)

    def _same_rate(self, row: Mapping[str, Any]) -> bool:
        """Return whether the learning rate is that of the line before, and is left out."""
        before, self._rate = self._rate, row.get("learning_rate")
        return bool(self._rate == before)

    def end(self) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.stop()
        self._bar, self._task, self._what = None, None, ""

    def _open(self, what: str, total: int) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            Task,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.text import Text

        class Rate(ProgressColumn):
            """Steps per second."""

            def render(self, task: Task) -> Text:
                return Text(f"{task.speed:.0f}/s" if task.speed else "")

        self.end()
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            Rate(),
            TimeRemainingColumn(),
            console=console(),
            transient=True,
        )
        self._bar.start()
        self._what = what
        self._task = self._bar.add_task(one_line(what), total=total)


def _figures(logs: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in logs.items())
