"""Calibration of predictions: scores by bins of confidence, and temperatures."""
