"""`mlzoo data audit`: probable label errors and duplicates of the data of a run."""
