"""Volumes: arrays and stacks of slices, held as images of their slices one below the other."""
