"""Metrics: what models are judged by.

`score(predictions)` returns a metric as a function of weights (b, n) over the n samples that are
scored, to b values (`statistics/scorers.py`), so that its interval follows from it; or None where
it does not apply. `predictions` holds what its `TARGETS` say, of a split:

- per sample: `y_true`, `y_pred` (n, k); of classes `y_true` (n,) positions and `y_pred`
  probabilities, `positive`, the class of the two that metrics of one class are about; of numbers
  `distributions`, predicted deviations or quantiles, or None; of labels `y_true` (n, k) zeros and
  ones
- per horizon: `y_true`, `y_pred` (n, horizon, k), NaN where unknown, `scale`, `ends` of bands and
  `distributions`, as of numbers per sample
- per pixel, step or token counts of each image or sequence: of classes `confusion` (n, k, k) and,
  of a model, `bins` of the confidence (`statistics/calibration/`), of numbers `mean_error`. Where
  that is too little, a metric has `count(y_true, y_pred)`, called for each image or sequence, and
  `score` is given what it returned for all, (n, ...).

All classes and labels have `right`, `true`, `chosen` (n, k), and numbers `mean_error(np.abs)`.
`build(outputs, mixed)`, where there is one, returns the `keras.Metric` that training follows, of
the metric's name, or None.

Constants, read without importing the file: `DIRECTION` is `max` or `min` (None where `NEAR` says
what the value should be), `BOUNDS` the lowest and highest value (None: unbounded), `TITLE` the
display name where it is not the file's, `BESIDE` metrics to read beside it, `ONE_CLASS` that it is
about one of two classes, `TOLERANT` that `--tolerance` adds it and `score` is given counts of
pixels within it (`statistics/boundaries.py`), `BINOMIAL` that it is a share of what is right,
`SYMMETRIC` that its interval is so, cut to the bounds: the logarithm of a value that may be 0 says
nothing.
"""
