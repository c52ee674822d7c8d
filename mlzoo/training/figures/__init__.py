"""The pictures that a trained model leaves in its run folder, by kind of target."""
