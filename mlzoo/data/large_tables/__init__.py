"""Tables that are larger than memory."""
