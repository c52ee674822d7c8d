"""Baselines: simple predictors that scores are compared with."""
