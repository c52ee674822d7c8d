"""Calibration of a trained model on held-out predictions."""
