"""Quantum circuits as data, their simulation by state vectors, and the layer that trains one."""

from mlzoo.layers.quantum import circuit

__all__ = ["circuit"]
