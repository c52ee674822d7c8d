"""Checks of a run's configuration, by kind; neither Keras nor NumPy is imported."""
