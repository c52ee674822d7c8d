"""The features of a model: what its output layer sees, and how often small patterns occur."""

from __future__ import annotations

import keras

from mlzoo.layers.mirrors import BODY


def last_features(model: keras.Model) -> keras.KerasTensor:
    """Return what the layer `head` sees, (batch, ..., width); the mean of members that share it.

    What a head joins, such as the fields of two decoders, is joined. Of a model that sees mirror
    images it is a tensor of the network within.

    Args:
        model: with such a layer.
    """
    names = {layer.name for layer in model.layers}
    if BODY in names:
        model = model.get_layer(BODY)
    if "head_fold" in names:
        of_members = model.get_layer("head_fold").input
        return keras.layers.GlobalAveragePooling1D(dtype="float32")(of_members)
    seen = model.get_layer("head").input
    return keras.layers.Concatenate(dtype="float32")(seen) if isinstance(seen, list) else seen


def feature_tensors(model: keras.Model) -> list[keras.KerasTensor]:
    """Return the features (batch, width) of a model; none where it has none of a whole sample.

    They are the input of the layer `head` (its mean over positions where something is predicted at
    every pixel), and of images the mean over positions of the first convolution, since noise and
    other textures are lost in the last features. Of a model of several members they are those of
    the first, and of one that sees mirror images those of the image itself.

    Args:
        model: of one prediction a sample, or at every pixel of an image.
    """
    names = {layer.name for layer in model.layers}
    if nested := {"member1", BODY} & names:
        # Its layers may also stand in the graph that it was trained in; those of a copy do not.
        within = model.get_layer(nested.pop())
        copy = keras.models.clone_model(within)
        copy.set_weights(within.get_weights())
        inner = feature_tensors(copy)
        if not inner:
            return []
        start = model.get_layer("scaling").output if "scaling" in names else model.inputs[0]
        outputs = keras.Model(copy.inputs, inner)(start)
        return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
    if "head" not in names or len(last_features(model).shape) not in (2, 4):
        return []
    pool = keras.layers.GlobalAveragePooling2D(dtype="float32")
    last = last_features(model)
    tensors = [pool(last) if len(last.shape) == 4 else last]
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    if convolutions:
        tensors.append(pool(convolutions[0].output))
    return tensors


def described(model: keras.Model) -> keras.Model | None:
    """Return the model from inputs to what the size of its errors may depend on, (batch, width).

    They are the scaled columns of a table, or else the last features of a model without members.
    None where it has neither.

    Args:
        model: of one prediction a sample.
    """
    names = {layer.name for layer in model.layers}
    if "scaling" in names and len(model.get_layer("scaling").output.shape) == 2:
        return keras.Model(model.inputs, model.get_layer("scaling").output)
    if "member1" in names or "head" not in names or len(last_features(model).shape) != 2:
        return None
    return keras.Model(model.inputs, last_features(model))
