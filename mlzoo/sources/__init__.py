"""Ways to read data, and the data sets known by name.

Each exports `Config`, `recognizes(path)` and `load(config, progress) -> Samples`. `UNLABELED` says
that `load` needs no targets where `config.task` predicts the samples themselves; it may give them.
"""
