"""Hyperparameter searches: spaces, folds, compiled fits, the journal, and the results."""
