"""Toolkit: metrics as functions, intervals, comparisons."""
