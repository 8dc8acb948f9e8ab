"""Numbers as a sentence has them."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "log"), counted(1200, "listener")
    ('1 log', '1,200 listeners')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
