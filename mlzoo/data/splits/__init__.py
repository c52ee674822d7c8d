"""Splits of samples into training, validation and test."""
