"""Numbers in words that fit into a sentence."""

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def power(value: float) -> str:
    """A small number at least 0: plain where it can be read, else with a power of ten."""
    if value == 0:
        return "0"
    if value >= 1e-3:
        return f"{value:.3f}"
    mantissa, exponent = f"{value:.0e}".split("e-")
    return f"{mantissa} × 10⁻{str(int(exponent)).translate(_RAISED)}"
