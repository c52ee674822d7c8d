"""Families of models: networks for tables, images and sequences.

Each exports `Config` and `build(config, inputs, outputs) -> keras.Model`.
"""
