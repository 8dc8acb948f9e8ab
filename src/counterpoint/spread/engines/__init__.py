"""Ways to run a model; `selection` says which one runs what.

- `by_counts`: a step by the neighbours counted, run by run or all threads in one (per-run, single-large). Contacts of a
  step all see the states at its start; which of several counts is drawn as of `contact_order_tables`.
- `bit_parallel`: the same law for 512 runs at once, a bit of a word each.
- `pairwise`: one meets one, in steps or in continuous time; whom, and in which order, its kernels draw.

What a contact does is no engine's matter but a model's: see `spread.models.model`. What is done on the way (planting,
blocking, warning) is in `spread.interventions`, stifling in `spread.models.rumour.stifled`.
"""
