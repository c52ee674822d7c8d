"""Tables that name files of samples, and what they say of each."""
