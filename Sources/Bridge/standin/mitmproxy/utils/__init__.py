"""Small functions that addons use."""
