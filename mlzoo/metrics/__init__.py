"""Metrics that are followed while training."""
