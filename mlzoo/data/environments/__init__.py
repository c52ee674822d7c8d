"""Environments: states, actions and rewards, played by many episodes side by side."""
