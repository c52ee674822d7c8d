"""What is predicted and how it is judged, one file a task."""
