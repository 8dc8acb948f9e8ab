"""Every error a user can cause: each says what was wrong, with which value, and what would be right."""

from collections.abc import Iterable
from difflib import get_close_matches


class CounterpointError(Exception):
    """Catch this to catch whatever Counterpoint raises on purpose.

    The message is one line, fit to be shown to the person at the keyboard.
    """


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """Return a hint that names the closest of `known`, or the whole list if nothing is close.

    >>> suggestion("lightgmb", ["lightgbm", "logistic"])
    "did you mean 'lightgbm'?"
    >>> suggestion("xyz", ["lightgbm", "logistic"])
    'known: lightgbm, logistic'
    """
    names = list(known)
    close = get_close_matches(wrong, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}"
