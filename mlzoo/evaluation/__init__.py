"""How good a model is: metrics, intervals, baselines, and comparisons of runs' predictions."""
