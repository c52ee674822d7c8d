"""Optima of functions under constraints: conditions, multipliers and descents."""
