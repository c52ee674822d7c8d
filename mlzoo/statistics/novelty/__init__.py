"""Novelty of new samples: their distances to training samples in features, and tests of batches."""
