"""Formats of HTTP, without I/O."""
