"""Configurations, registry, errors, messages and files; imports neither Keras nor NumPy."""
