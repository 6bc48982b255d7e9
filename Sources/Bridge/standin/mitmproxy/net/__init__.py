"""Formats of the network, without I/O."""
