"""Seeing code: symbols of files by their grammars, and a ranked map of the workspace."""
