"""Counterpoint: who leaves a music platform, what each should hear next, how a rumour spreads there, who started it.

One namespace a question: `churn`, `recommend`, `spread` and `trace`; beside them `events`, `snapshots`, `networks`,
`synthetic`, `stats` and `storage`. The names most used are here too. All are loaded when they are first used, so that
`import counterpoint` costs nothing.
"""

from counterpoint.public_names import attach

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(__name__, __file__)
