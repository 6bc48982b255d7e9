"""Names for the numbers of a module: what its constants say, reversed."""


def names(module: dict[str, object], otherwise: str):
    """A function from number to name; an unnamed one is shown as `otherwise(number)`."""
    by_number = {number: name for name, number in module.items() if isinstance(number, int)}

    def to_str(number: int) -> str:
        return by_number.get(number, f"{otherwise}({number})")

    return to_str
