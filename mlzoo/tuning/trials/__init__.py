"""Trials of a search: fits on folds, scores, records and pruning."""
