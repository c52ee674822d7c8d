"""Computations of a traced JAX function that occur twice, done once.

Nested forward derivatives compute the layers below anew for each order and coordinate. XLA merges
what is alike in the function itself, but not in its gradient, where each repetition has a cotangent
of its own that is sent back by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

_INLINED = ("jit", "pjit")
"""Primitives that call a function; their equations are merged with the others."""


def without_repeats(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function to the same results in which equal operations on equal values are one.

    It can be differentiated; the gradient has one cotangent for each such value.

    Args:
        function: traceable by JAX, of trees of arrays.
    """

    def merged(*arguments: Any) -> Any:
        import jax

        traced, results = jax.make_jaxpr(function, return_shape=True)(*arguments)
        values = _evaluate(traced, jax.tree.leaves(arguments), {})
        return jax.tree.unflatten(jax.tree.structure(results), values)

    return merged


def _evaluate(traced: Any, arguments: Sequence[Any], done: dict[Any, Any]) -> list[Any]:
    """Return the results of a closed jaxpr.

    Args:
        traced: the closed jaxpr.
        arguments: its arguments.
        done: results by operation, with the operands, whose identity is part of the key.
    """
    from jax.extend import core

    jaxpr = traced.jaxpr
    values: dict[Any, Any] = {}
    values.update(zip(jaxpr.constvars, traced.consts, strict=True))
    values.update(zip(jaxpr.invars, arguments, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, core.Literal) else values[atom]

    def name(atom: Any) -> Any:
        literal = isinstance(atom, core.Literal)
        return (str(atom.val), atom.aval) if literal else id(values[atom])

    for equation in jaxpr.eqns:
        if equation.primitive.name in _INLINED:
            operands = [read(atom) for atom in equation.invars]
            results = _evaluate(equation.params["jaxpr"], operands, done)
        else:
            variables = [atom for atom in equation.invars if not isinstance(atom, core.Literal)]
            variables = list(dict.fromkeys(variables))
            operands = [read(atom) for atom in variables]
            key = (equation.primitive, *map(name, equation.invars), _settings(equation))
            if key not in done:
                one = jaxpr.replace(
                    constvars=(),
                    invars=variables,
                    outvars=equation.outvars,
                    eqns=[equation],
                    effects=equation.effects,
                )
                done[key] = core.jaxpr_as_fun(core.ClosedJaxpr(one, ()))(*operands), operands
            results, _ = done[key]
        values.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _settings(equation: Any) -> Any:
    """Return what an operation does beside its operands; unique where that can't be compared."""
    settings = tuple(sorted(equation.params.items()))
    try:
        hash(settings)
    except TypeError:
        return object()
    return object() if equation.effects else settings
