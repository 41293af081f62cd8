"""Numbers that Prometheus would read."""

from prometheus_client import REGISTRY


class Change:
    """How much a number grows from here on."""

    def __init__(self, name: str, **labels: str) -> None:
        self._name, self._labels = name, labels
        self._before = self._value()

    def __call__(self) -> float:
        return self._value() - self._before

    def _value(self) -> float:
        return REGISTRY.get_sample_value(self._name, self._labels) or 0.0
