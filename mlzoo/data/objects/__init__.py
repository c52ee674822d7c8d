"""Data that Python code hands over in place of a path: DataFrames, arrays, images with labels."""
