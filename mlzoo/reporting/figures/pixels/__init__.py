"""Pictures of what is predicted at every pixel: masks, fields and instances."""
