"""Functions and loss surfaces that optimisers walk on, checks of models, and their capacity."""
