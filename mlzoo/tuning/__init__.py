"""Searches: spaces, folds, fits that share what was compiled, the journal, and the results."""
