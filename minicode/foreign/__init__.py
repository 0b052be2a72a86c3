"""Sessions of other programs, read into ours: one reader a program."""
