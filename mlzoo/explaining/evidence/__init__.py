"""Evidence for explanations: scores, sanity checks, and what may be claimed of them."""
