"""Hooks of trainings for code of users: callbacks of Keras."""
