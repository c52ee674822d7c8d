"""Formats of `mlzoo export`."""
