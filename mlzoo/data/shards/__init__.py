"""Tar files that hold the samples of a data set, many in each."""
