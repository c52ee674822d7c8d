"""Sums of losses, as `dice+0.5*focal`, and the losses of a task."""

from __future__ import annotations

from collections.abc import Collection

from mlzoo.core import registry


def loss_terms(text: str) -> list[tuple[float, str]]:
    """`dice+0.5*focal` as weights and names.

    Raises:
        ValueError: a term is no loss, or its weight no positive number.
    """
    known: Collection[str] = registry.own_names("loss")
    terms = []
    for term in text.split("+"):
        number, star, name = (part.strip() for part in term.rpartition("*"))
        try:
            weight = float(number) if star else 1.0
        except ValueError:
            weight = 0.0
        if name not in known and not name.endswith(".py"):
            known = registry.names("loss")
        if name not in known and not name.endswith(".py"):
            listed = ", ".join(known)
            raise ValueError(f"{registry.unknown('loss', name, known)}; write one of {listed}")
        if not 0 < weight < float("inf"):
            raise ValueError(f"the weight of {name} must be a number over 0, as in 0.5*{name}")
        terms.append((weight, name))
    return terms


def loss_names(text: str) -> list[str]:
    """Return the names in a sum of losses, none for `auto`; weights are not checked."""
    if text == "auto":
        return []
    return [term.rpartition("*")[2].strip() for term in text.split("+")]


def absolute_losses(text: str) -> str:
    """Return a sum of losses whose files mean the same in every folder."""
    if text == "auto":
        return text
    terms = [
        (term.rpartition("*")[0], name)
        for term, name in zip(text.split("+"), loss_names(text), strict=True)
    ]
    return "+".join(
        f"{number.strip()}*{registry.absolute(name)}" if number else registry.absolute(name)
        for number, name in terms
    )


def losses_for(task: str) -> list[str]:
    """Return the losses for a task: the usual one, those for all its kin, then the others."""
    chosen = registry.load("task", task).Task
    targets = {
        name: registry.constants("loss", name).get("TARGETS", ()) for name in registry.names("loss")
    }
    return sorted(
        (name for name, entries in targets.items() if chosen.target.accepted_by(entries)),
        key=lambda n: (n != chosen.losses[0], chosen.target.values not in targets[n], n),
    )


def weighted_losses(task: str) -> list[str]:
    """Return the losses for a task that take class weights."""
    return [
        n for n in losses_for(task) if registry.constants("loss", n).get("CLASS_WEIGHTS", False)
    ]
