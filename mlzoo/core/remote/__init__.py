"""Other machines: data at addresses, kept in a cache of this one, and Ray clusters."""
