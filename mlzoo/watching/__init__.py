"""The page of runs and searches that are being made, and of those that are done."""
