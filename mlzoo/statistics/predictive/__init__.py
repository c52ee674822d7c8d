"""Predictive distributions: their scores, and the uncertainty of several models."""
