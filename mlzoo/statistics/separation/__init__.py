"""Scores of how well a model tells objects apart: instances, and cells between membranes."""
