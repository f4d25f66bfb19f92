"""Fetching model files: the catalogue of what is known to work, where it lies, and getting it here whole."""
