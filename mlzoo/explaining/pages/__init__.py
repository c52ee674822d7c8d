"""Explanations as folders, pictures and pages."""
