"""The one error that a request can cause."""


class InputError(ValueError):
    """A sample can't be predicted; the message says why and names no file of this machine."""
