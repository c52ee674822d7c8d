"""Data and pictures themselves: at low rank, and how classifiers divide them."""
