"""Everything before a training starts: the data, the recipe, the folder, and a resumed run."""
