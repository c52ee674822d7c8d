"""Data at addresses of other machines, kept in a cache of this one."""
