"""`mlzoo circuit`: a quantum circuit by hand, simulated and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlzoo_cli.data_figures import check_picture, rows_table
from mlzoo_cli.options import Json
from mlzoo_cli.output import say, show


def circuit(
    gates: Annotated[
        str,
        typer.Argument(
            metavar="NAME|GATES",
            help="bell, ghz, superposition, swap, teleportation, or gates as in 'H 0; CNOT 0 1; RX "
            "1 0.5': H, X, Y, Z, RX, RY, RZ (with an angle in radians), CNOT, CZ and SWAP on "
            "qubits 0 to 9.",
        ),
    ],
    picture: Annotated[Path, typer.Option("--picture", help="The PNG to write.")] = Path(
        "circuit.png"
    ),
    shots: Annotated[
        int, typer.Option("--shots", min=1, max=10_000_000, help="Measurements of all qubits.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of these.")] = 0,
    json: Json = False,
) -> None:
    """Simulate a quantum circuit, and draw it with its state.

    All qubits start as 0. Drawn are the gates, the probability of each outcome, and the Bloch
    vector of each qubit after each gate, whose length is 1 where a qubit is not entangled with
    others. Outcomes name qubit 0 first.
    """
    check_picture(picture)
    from mlzoo.runs.devices import prepare

    prepare()
    from mlzoo.checking.circuits import simulate

    result = simulate(gates, picture, shots, seed)
    if json:
        show(result)
        return
    print(rows_table(result["states"]))
    last = result["bloch"][-result["qubits"] :]
    print("\nBloch vectors at the end")
    print(rows_table([{n: value for n, value in row.items() if n != "after"} for row in last]))
    say(f"written to {picture}")
