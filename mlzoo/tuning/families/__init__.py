"""Choice of a family of models by the data: `mlzoo train auto`."""
