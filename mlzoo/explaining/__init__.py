"""Explaining what a model says: targets, evidence, pictures and records of explanations."""
