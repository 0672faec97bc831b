"""The base of every error that a user can mend."""

from __future__ import annotations


class InputError(ValueError):
    """Input that cannot be used. The message is one line: what was expected, what came, what to do.

    The command line prints it and exits with code 2; everything else is a bug and shows its traceback.
    """
