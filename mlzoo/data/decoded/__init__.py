"""Decoded and resized images that are kept on disk: for epochs, folds, trials and later runs."""
