"""Snapshots of the files of a workspace: taken, compared and put back, in a private store."""
