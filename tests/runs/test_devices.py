"""What is set before a backend starts: what the user set stays."""

from __future__ import annotations

import os
import sys

import pytest

from mlzoo.runs import devices


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XLA_FLAGS", "TF_NUM_INTRAOP_THREADS", "KERAS_BACKEND"):
        # Set first, so that what the functions set is taken back.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def flags(monkeypatch: pytest.MonkeyPatch, single: bool = False, **given: str) -> tuple[str, str]:
    """XLA's flags and TensorFlow's threads of a search in an environment, before Keras began."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    devices.for_search(single)
    return os.environ.get("XLA_FLAGS", ""), os.environ.get("TF_NUM_INTRAOP_THREADS", "")


@pytest.mark.parametrize(
    ("single", "given", "expected"),
    [
        (False, {}, ("--xla_cpu_multi_thread_eigen=false", "")),
        (True, {}, ("--xla_cpu_multi_thread_eigen=false", "1")),
        (True, {"TF_NUM_INTRAOP_THREADS": "2"}, ("--xla_cpu_multi_thread_eigen=false", "2")),
        (
            False,
            {"XLA_FLAGS": "--xla_dump_to=x"},
            ("--xla_dump_to=x --xla_cpu_multi_thread_eigen=false", ""),
        ),
        (
            False,
            {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=true"},
            ("--xla_cpu_multi_thread_eigen=true", ""),
        ),
        (False, {"KERAS_BACKEND": "jax"}, ("--xla_backend_optimization_level=2", "")),
        (
            False,
            {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_backend_optimization_level=1"},
            ("--xla_backend_optimization_level=1", ""),
        ),
    ],
)
def test_a_search_adds_to_what_the_user_set(
    single: bool,
    given: dict[str, str],
    expected: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert flags(monkeypatch, single, **given) == expected


def test_threads_are_left_alone_where_keras_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", sys)
    devices.for_search(single=True)
    assert "TF_NUM_INTRAOP_THREADS" not in os.environ
