"""Results as notebooks show them: short HTML that needs no other file."""
