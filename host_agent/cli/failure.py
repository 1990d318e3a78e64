"""Ends a command with a message and no traceback."""


class Failed(Exception):
    """The command cannot go on; the text is what to say on the way out, line by line."""
