"""Toolkit: predictions and counts that metrics take, intervals, verdicts."""
