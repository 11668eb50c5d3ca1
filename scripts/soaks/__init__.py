"""Each soak is a module here with a docstring, `WITHIN_S` (seconds of a short and of a long run, at most) and
`run(promises, short)`; `scripts/soak NAME` finds it by its name, which stands in `__main__`.

What it measures on the way it says on stderr; what it holds against the product it counts in `promises`. `premises` has
an installation of the soak's own: real servers and processes, reached by loopback alone.
"""
