"""Training on differential equations: residuals, points, weights, and fitted parameters."""
