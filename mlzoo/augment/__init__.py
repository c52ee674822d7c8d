"""Random changes of training samples: what is done to an image is done to its mask."""
