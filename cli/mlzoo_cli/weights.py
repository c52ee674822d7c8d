"""`mlzoo weights`: the backbones of transfer learning, and their weights."""

from __future__ import annotations

from typing import Annotated

import typer

from mlzoo.backbones import BACKBONES, UNPADDED, WIDE, check_backbone
from mlzoo.errors import UsageError
from mlzoo_cli.options import Json
from mlzoo_cli.output import say, table
from mlzoo_cli.output import show as show_json

app = typer.Typer(help="Backbones of transfer learning.", invoke_without_command=True)


@app.callback()
def list_backbones(context: typer.Context, json: Json = False) -> None:
    """The backbones of the models transfer and unet_pretrained (`weights pull NAME`)."""
    if context.invoked_subcommand is not None:
        return
    rows = [
        {"backbone": name, "class": made, "u-net": name not in UNPADDED, "alpha": name in WIDE}
        for name, (made, _) in BACKBONES.items()
    ]
    if json:
        show_json(rows)
    else:
        shown = [[row["backbone"], row["class"], "yes" if row["u-net"] else ""] for row in rows]
        print(table(["backbone", "keras.applications", "unet_pretrained"], shown))


@app.command("pull")
def pull(
    name: Annotated[str, typer.Argument(help="A backbone.")],
    alpha: Annotated[
        float, typer.Option("--alpha", help="Width of mobilenet and mobilenet_v2.")
    ] = 1.0,
    json: Json = False,
) -> None:
    """Download a backbone's ImageNet weights into Keras' cache (~/.keras, or KERAS_HOME)."""
    try:
        check_backbone(name)
    except ValueError as error:
        raise UsageError(f"{error}; `mlzoo weights` lists them all") from None
    if alpha != 1 and name not in WIDE:
        raise UsageError(f"--alpha: has no effect on {name}; it is for {', '.join(WIDE)}")
    from mlzoo.training import devices

    devices.prepare()
    from mlzoo.layers.pretrained import digest, pull
    from mlzoo.models.transfer import Config

    path = pull(Config.model_validate({"backbone": name, "alpha": alpha}))
    found = {"backbone": name, "file": str(path), "sha256": digest(path)}
    if json:
        show_json(found)
    else:
        say(f"{name}: {path} (sha256 {found['sha256'][:16]}...)")
