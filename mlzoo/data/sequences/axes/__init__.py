"""Time axes of series, and the seasons that they show."""
