"""The folder being worked on: its files, its processes, its search, its git."""
