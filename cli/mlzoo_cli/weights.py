"""`mlzoo weights`: the backbones of transfer learning, and their weights."""

from __future__ import annotations

from typing import Annotated

import typer

from mlzoo.core.backbones import BACKBONES, UNPADDED, WIDE, check_backbone, preset_of
from mlzoo.core.errors import UsageError
from mlzoo_cli.options import ConfigGroup, Json
from mlzoo_cli.output import say, table
from mlzoo_cli.output import show as show_json

app = typer.Typer(cls=ConfigGroup, invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def list_backbones(
    context: typer.Context,
    hub: Annotated[
        bool, typer.Option("--hub", help="Those of KerasHub, named hub:PRESET (mlzoo-keras[hub]).")
    ] = False,
    json: Json = False,
) -> None:
    """List the backbones of transfer learning.

    They are those of the models transfer and unet_pretrained; `weights pull NAME` downloads one.
    """
    if context.invoked_subcommand is not None:
        if hub:
            raise UsageError("--hub lists backbones; it has no effect on `weights pull`")
        return
    if hub:
        _list_presets(json)
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


def _list_presets(json: bool) -> None:
    from mlzoo.runs import devices

    devices.prepare()
    from mlzoo.layers.hub import presets

    rows = [{"backbone": f"hub:{name}", **about} for name, about in presets().items()]
    if json:
        show_json(rows)
    else:
        shown = [[row["backbone"], row["family"], f"{row['params']:,}"] for row in rows]
        print(table(["backbone", "keras_hub", "weights"], shown))


@app.command("pull")
def pull(
    name: Annotated[str, typer.Argument(help="A backbone, or hub: and a preset of KerasHub.")],
    alpha: Annotated[
        float, typer.Option("--alpha", help="Width of mobilenet and mobilenet_v2.")
    ] = 1.0,
    json: Json = False,
) -> None:
    """Download a backbone's weights into Keras' cache (~/.keras, or KERAS_HOME)."""
    try:
        check_backbone(name)
    except ValueError as error:
        raise UsageError(f"{error}; `mlzoo weights` lists them all") from None
    if alpha != 1 and name not in WIDE:
        raise UsageError(f"--alpha: has no effect on {name}; it is for {', '.join(WIDE)}")
    from mlzoo.runs import devices

    devices.prepare()
    from mlzoo.layers import hub
    from mlzoo.layers.pretrained import digest, pull
    from mlzoo.models.transfer import Config

    if preset := preset_of(name):
        folder = hub.pull(preset)
        if json:
            show_json({"backbone": name, "folder": str(folder)})
        else:
            say(f"{name}: {folder}")
        return
    path = pull(Config.model_validate({"backbone": name, "alpha": alpha}))
    record = {"backbone": name, "file": str(path), "sha256": digest(path)}
    if json:
        show_json(record)
    else:
        say(f"{name}: {path} (sha256 {record['sha256'][:16]}...)")
