"""Each bench is a module here with `run(full: bool) -> Report`; `__main__` lists them for `scripts/bench NAME`.

What is measured and its reference take turns in one run, the server on one core and its clients on another; a figure
is the median of the repeats. `frame` has what benches share.
"""
