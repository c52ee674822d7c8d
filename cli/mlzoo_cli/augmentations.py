"""`mlzoo augmentations`: the presets and the transforms that a policy is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo_cli.options import ConfigGroup, Json
from mlzoo_cli.output import show as show_json
from mlzoo_cli.output import table

app = typer.Typer(cls=ConfigGroup, invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def list_augmentations(context: typer.Context, json: Json = False) -> None:
    """List the presets and transforms of augmentation.

    Presets are for --augment, transforms for a policy; `augmentations show NAME` describes one.
    """
    if context.invoked_subcommand is not None:
        return
    from mlzoo.augmentation import catalogue
    from mlzoo.data import policies

    by_kind: dict[str, Any] = {
        kind: {
            "presets": policies.presets(kind),
            "transforms": {
                name: {"marks": catalogue.marks(name), "does": catalogue.description(kind, name)}
                for name in catalogue.names(kind)
            },
        }
        for kind in catalogue.KINDS
    }
    if json:
        show_json(by_kind)
        return
    for kind, each in by_kind.items():
        print(table([f"presets for {kind}", ""], list(each["presets"].items())), end="\n\n")
    for kind, each in by_kind.items():
        rows = [
            [n, _brief(t["does"]), "; ".join(t["marks"])] for n, t in each["transforms"].items()
        ]
        print(table([f"transforms of {kind}", "", ""], rows), end="\n\n")
    print(
        "--augment takes a preset, auto, search, or a .yaml file: a list of transforms, each a "
        "name or\nname: {parameter: value, p: how often}; OneOf, SomeOf and Sequential hold others."
    )


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A preset or a transform.")], json: Json = False
) -> None:
    """A preset's policy, ready to be changed, or a transform's parameters and their defaults."""
    from mlzoo.augmentation import catalogue
    from mlzoo.data import policies

    kinds = [kind for kind in catalogue.KINDS if name in policies.presets(kind)]
    if kinds:
        presets: dict[str, Any] = {k: list(policies.preset(k, name)) for k in kinds}
        if json:
            show_json(presets)
        else:
            texts = [
                policies.Policy(name, tuple(presets[k])).text(f"{name}, for {k}") for k in kinds
            ]
            print("\n".join(texts), end="")
        return
    kinds = [kind for kind in catalogue.KINDS if name in catalogue.names(kind)]
    if not kinds:
        known = {n for k in catalogue.KINDS for n in (*policies.presets(k), *catalogue.names(k))}
        raise UsageError(
            registry.unknown("preset or transform", name, sorted(known))
            + "; `mlzoo augmentations` lists them all"
        )
    rows = {k: _plain(catalogue.parameters(k, name)) for k in kinds}
    if json:
        show_json(rows)
        return
    for kind, parameters in rows.items():
        print(f"{name}: {catalogue.description(kind, name)}")
        for mark in catalogue.marks(name):
            print(f"({mark})")
        print(table(["parameter", "default"], list(parameters.items())))


def _plain(parameters: Mapping[str, object]) -> dict[str, object]:
    """Defaults as JSON holds them; a parameter without one is `needed`."""
    import inspect

    def plain(value: Any) -> Any:
        if value is inspect.Parameter.empty:
            return "needed"
        return list(value) if isinstance(value, tuple) else value

    return {key: plain(value) for key, value in parameters.items()}


def _brief(text: str) -> str:
    """The first sentence, as far as a terminal shows it."""
    first = text.partition(". ")[0].rstrip(".")
    return first if len(first) <= 70 else first[:69] + "…"
