"""Transforms: random changes of training samples.

`build(**parameters)` returns a transform; its parameters, with their defaults, are those that a
policy may give beside `p`. What it returns depends on `KINDS`, the kinds of data that it is for:

- images: an albumentations transform; `build` is its class
- sequences: a function of x (steps, channels) float32 without padding, labels (steps,) or None, the
  spread (2, channels) that holds each channel's mean and standard deviation over the training
  split, and a generator, to x and labels of the same lengths; missing values (NaN) stay missing
- tables: a function of a row x (columns,), the spread (2, columns), `numeric` (columns,), whether a
  column holds numbers and not positions of categories, and a generator, to a row
- any of them, where `MIXES`: a function of the shape of a batch and a generator to the share (n,)
  that each sample keeps of itself; or, where it `PASTES`, where it does, (n, height, width)

Constants, read without importing the file: `ORIENTATION` says that a digit, a letter or an arrow
may be another one afterwards, `COLOR` that three channels are needed, `KEEPS_FUTURE` that what
follows a sequence may stay as it is. Other transforms of images are those of albumentations.
"""
