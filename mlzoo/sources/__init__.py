"""Ways to read data, one file a source."""
