"""Families of models: networks for tables, images and sequences.

Each exports `Config` and `build(config, inputs, outputs) -> keras.Model`, and may export
`recipe(data, config) -> Recipe` and `initialize(model, data)`, which sets weights from the data.
"""
