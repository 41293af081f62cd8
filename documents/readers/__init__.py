"""A module for each format, with its `FORMAT`: adding one is adding a file here."""
