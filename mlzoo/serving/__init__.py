"""A trained run behind a small HTTP endpoint on this machine."""
