"""The run folder: format, lock, results and the models that come along."""
