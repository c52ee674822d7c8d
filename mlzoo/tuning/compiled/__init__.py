"""Compiled fits, which speed up a search; other packages import `interface` only."""
