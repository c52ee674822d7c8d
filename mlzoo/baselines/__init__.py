"""What a score stands beside: predictors that are simple, quick and deterministic."""
