"""Trials of a search: their fits on folds, scores, records and pruning."""
