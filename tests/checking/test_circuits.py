"""`mlzoo circuit`: states, Bloch vectors and measurements of circuits by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlzoo.core.errors import UsageError
from tests.cli.shell import run_mlzoo


def simulated(text: str, folder: Path) -> dict[str, Any]:
    from mlzoo.checking.circuits import simulate

    return dict(simulate(text, folder / "circuit.png"))


def test_the_bell_state_is_entangled_and_its_outcomes_agree(tmp_path: Path) -> None:
    picture = tmp_path / "bell.png"
    done = run_mlzoo("circuit", "bell", "--picture", picture, "--shots", "400", "--json")
    said = json.loads(done.out)
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert [row["state"] for row in said["states"]] == ["00", "11"]
    assert [row["probability"] for row in said["states"]] == pytest.approx([0.5, 0.5])
    counts = [row["measured"] for row in said["states"]]
    assert sum(counts) == 400 and 150 < counts[0] < 250
    assert [row["length"] for row in said["bloch"]] == pytest.approx([1, 1, 1, 1, 0, 0], abs=1e-6)


def test_a_state_is_teleported(tmp_path: Path) -> None:
    said = simulated("teleportation", tmp_path)
    vectors = np.array([[row[axis] for axis in "xyz"] for row in said["bloch"]]).reshape(-1, 3, 3)
    # RX and then RZ turn the Bloch vector (0, 0, 1) about these axes.
    sent = [math.sin(0.7) * math.sin(1.9), -math.sin(0.7) * math.cos(1.9), math.cos(0.7)]
    prepared = [step[0] for step in vectors]
    assert any(np.allclose(vector, sent, atol=1e-4) for vector in prepared)
    np.testing.assert_allclose(vectors[-1, 2], sent, atol=1e-4)
    np.testing.assert_allclose(vectors[-1, 0], [1, 0, 0], atol=1e-4)


def test_three_cnots_swap(tmp_path: Path) -> None:
    said = simulated("swap", tmp_path)
    assert said["circuit"] == "RY 0 0.7; CNOT 0 1; CNOT 1 0; CNOT 0 1"
    first, second = said["bloch"][-2:]
    assert [first["z"], second["z"]] == pytest.approx([1, math.cos(0.7)], abs=1e-4)


def test_every_wrong_gate_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        simulated("H 0; CNOT 1 1; RX 1; T 2; H 10; RZ 0 nan", tmp_path)
    told = "\n".join(caught.value.problems)
    for message in (
        "'CNOT 1 1': CNOT acts on two different qubits",
        "'RX 1': RX takes a qubit and an angle",
        "'T 2': unknown gate; there are H, X",
        "'H 10': qubits are numbers from 0 to 9",
        "'RZ 0 nan': an angle is a number",
    ):
        assert message in told
    with pytest.raises(UsageError, match="no gates"):
        simulated(" ; ", tmp_path)
    assert not list(tmp_path.iterdir())
