"""Counts and times of requests in the text format of Prometheus (version 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Histogram:
    """Counts of values below each of some bounds, and their sum.

    Args:
        name: of the metric.
        help_text: one line on what it is.
        bounds: upper bounds of the buckets, ascending.
    """

    def __init__(self, name: str, help_text: str, bounds: tuple[float, ...]) -> None:
        self._name, self._help, self._bounds = name, help_text, bounds
        self._counts, self._sum = [0] * (len(bounds) + 1), 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self) -> list[str]:
        """Return its lines."""
        lines, total = [f"# HELP {self._name} {self._help}", f"# TYPE {self._name} histogram"], 0
        for bound, count in zip((*self._bounds, "+Inf"), self._counts, strict=True):
            total += count
            lines.append(f'{self._name}_bucket{{le="{bound}"}} {total}')
        return [*lines, f"{self._name}_sum {self._sum:.9g}", f"{self._name}_count {total}"]


class Measures:
    """Counts and times since the server started; paths are those of its routes alone."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds = Histogram("request_seconds", "Time of a prediction request.", _SECONDS)
        self._sizes = Histogram("batch_samples", "Samples of a call of the model.", _SIZES)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests[path, status] += 1
        self._seconds.add(seconds)

    def called(self, size: int) -> None:
        """Count a call of the model with `size` samples."""
        self._sizes.add(size)

    def text(self) -> str:
        """Return all metrics."""
        lines = ["# HELP requests_total Answered requests.", "# TYPE requests_total counter"]
        for (path, status), count in sorted(self._requests.items()):
            lines.append(f'requests_total{{path="{path}",status="{status}"}} {count}')
        lines += [
            "# HELP requests_in_flight Requests that wait.",
            "# TYPE requests_in_flight gauge",
        ]
        lines.append(f"requests_in_flight {self.in_flight}")
        return "\n".join([*lines, *self._seconds.lines(), *self._sizes.lines(), ""])
