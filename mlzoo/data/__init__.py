"""From a path or a name to a `Data`: sources, splitting, scaling, checks and inspection."""
