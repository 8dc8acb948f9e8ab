"""Numbers as a sentence has them."""


def pluralize(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> pluralize(1, "log"), pluralize(1200, "listener")
    ('1 log', '1,200 listeners')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
