"""Linear regression solved exactly: least squares, ridge, and the Bayesian posterior."""
