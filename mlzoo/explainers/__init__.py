"""Explainers, one plug-in a file."""
