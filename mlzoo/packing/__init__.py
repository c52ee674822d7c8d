"""A trained run as a folder that answers over HTTP without mlzoo, Keras or a backend."""
