"""The folder being worked on: its files, its processes, its search, its git.

Plain records are named tuples here: a frozen dataclass takes Python about 2 ms to make, at every start.
"""
