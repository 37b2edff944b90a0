"""The one error that imaging raises for input it cannot use."""


class InputError(ValueError):
    """A file or a pair that cannot be used; the message is one sentence meant for the user."""
