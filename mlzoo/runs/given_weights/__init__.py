"""Runs of weights that are given by hand: the file, and a folder made of it alone."""
