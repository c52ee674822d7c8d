"""What a run shows: pictures, the model card, and the comparison of run folders."""
