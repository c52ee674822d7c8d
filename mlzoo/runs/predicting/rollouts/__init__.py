"""Rollouts: predictions that are the next input."""
