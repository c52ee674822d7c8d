"""Methods of `mlzoo explain`."""
