"""Figures of predicted probabilities: reliability, precision and recall, costs of decisions."""
