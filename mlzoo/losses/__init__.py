"""Losses: what training minimizes.

`build(config, outputs, class_weights, mixed)` returns a `keras.Loss` for what a model predicts;
`class_weights` are of pixels or steps (those of samples come with the batches), and `mixed` says
that targets may be shares of classes in place of positions. Constants, read without importing the
file: `TARGETS`, the kinds of target that a loss accepts; `CLASS_WEIGHTS = True` where it uses class
weights, `WHOLE_LABELS = True` where it can't take shares of classes, `DISTRIBUTION = True` where it
takes means and standard deviations (batch, 2, targets), in the units of the targets, and
`QUANTILES = True` beside it where it takes quantiles (batch, levels, targets) of `Config.levels`.
"""
