"""Training on episodes of an environment."""
