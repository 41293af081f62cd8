"""What a figure must be, said beside it."""


def at_most(what: str, value: float, bar: float, unit: str = "") -> None:
    _say(what, value, f"<= {bar:g}{unit}", unit, value <= bar)


def at_least(what: str, value: float, bar: float, unit: str = "") -> None:
    _say(what, value, f">= {bar:g}{unit}", unit, value >= bar)


def _say(what: str, value: float, bar: str, unit: str, is_met: bool) -> None:
    print(f"  {'met   ' if is_met else 'MISSED'}  {what}: {value:.2f}{unit}, must be {bar}")
