"""Quantum circuit, simulated: numbers become phases, trained rotations turn them, for tables.

Feature map of Havlicek et al., "Supervised learning with quantum-enhanced feature spaces" (2019),
with products x_i x_j as angles of pairs; then layers of RY rotations and a ring of CNOTs, whose
angles are trained by gradients through the simulated state; a Dense head takes the expectation
values of Z. At most 10 qubits, one a feature; the layer of them is `circuit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import searched
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

TARGETS = ("classes per sample", "numbers per sample")


class Config(Settings):
    """Settings of quantum."""

    layers: int = Field(2, ge=1, le=20, json_schema_extra=searched(1, 6))
    """Layers of trained rotations; each has one angle a qubit."""
    qubits: int = Field(0, ge=0, le=10)
    """Qubits that a trained Dense layer turns the features into, 2 to 10; 0: one a feature."""

    @field_validator("qubits")
    @classmethod
    def _a_pair(cls, value: int) -> int:
        if value == 1:
            raise ValueError("1 qubit has no other to be entangled with; use 2 to 10, or 0")
        return value


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, *inputs.shape) to (batch, outputs.units).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: there are no 2 to 10 qubits.
    """
    import keras

    from mlzoo.layers.blocks import flat
    from mlzoo.layers.quantum.circuit import QuantumCircuit
    from mlzoo.layers.quantum.simulation import MOST_QUBITS

    tensor, scaled = inputs.start()
    x = flat(scaled)
    if config.qubits:
        x = keras.layers.Dense(config.qubits, name="projection")(x)
    if not 2 <= x.shape[-1] <= MOST_QUBITS:
        raise UsageError(
            f"quantum: {x.shape[-1]} features would need as many qubits, and 2 to {MOST_QUBITS} "
            "can be simulated; --set qubits=4 has a trained layer turn them into 4"
        )
    x = QuantumCircuit(config.layers, name="circuit")(x)
    return keras.Model(tensor, outputs.head(x), name="quantum")
