"""Scores and files of a trained model."""
