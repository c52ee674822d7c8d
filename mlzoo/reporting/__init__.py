"""Reports of runs: figures, the model card, and the comparison of run folders."""
