"""Flows and a surrounding for the tests of addons."""
