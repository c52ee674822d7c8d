"""Scores of a run on a split of the data, beside its baselines."""
