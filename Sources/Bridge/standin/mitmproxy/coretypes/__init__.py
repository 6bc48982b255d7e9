"""The containers that flows are made of."""
