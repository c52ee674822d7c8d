"""Compiled fits, which a search runs faster with; `interface` is what others import."""
