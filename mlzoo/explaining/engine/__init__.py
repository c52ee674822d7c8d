"""Models opened up: the tensors within them, their logits, and gradients between them."""
