"""Loops of an ONNX graph, as OpenVINO reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def separated(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model whose loops give no value out under the name by which they took it in.

    ONNX lets the body of a `Loop` hand a value on as it is
    (https://onnx.ai/onnx/operators/onnx__Loop.html); OpenVINO counts it as two inputs, and
    refuses the loop.

    Args:
        model: the model; it is changed.
    """
    from onnx import helper

    for node in model.graph.node:
        for body in (each.g for each in node.attribute if node.op_type == "Loop" and each.g.node):
            taken = {value.name for value in body.input}
            for value in body.output:
                if value.name in taken:
                    handed_on = f"{value.name}_handed_on"
                    body.node.append(helper.make_node("Identity", [value.name], [handed_on]))
                    value.name = handed_on
    return model
