"""Ways to read data, and the data sets known by name."""
