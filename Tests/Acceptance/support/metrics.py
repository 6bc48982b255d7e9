"""What the proxy measures, read by Prometheus' own parser."""

import http.client

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from .proxy import eventually, free_port


class Probes:
    """The address of one proxy at which programs look at it."""

    def __init__(self, port: int | None = None):
        self.port = port or free_port()
        self.arguments = ("--set", f"metrics_listen=127.0.0.1:{self.port}")

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
        """Status, header fields and body of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def families(self):
        return list(text_string_to_metric_families(self.ask("/metrics")[2]))

    def open_families(self):
        return list(openmetrics.text_string_to_metric_families(self.ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")[2]))

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample with these labels, and others besides where they are not all given; None if there is none."""
        found = [
            sample.value
            for family in self.families()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert len(found) <= 1, (name, labels, found)
        return found[0] if found else None

    def wait(self, expected: float, name: str, **labels: str) -> None:
        """Until the sample has that value, for a bounded time."""
        seen = []

        def has():
            seen.append(self.value(name, **labels))
            return seen[-1] == expected

        try:
            eventually(has, 5)
        except AssertionError:
            raise AssertionError(f"{name} {labels} is {seen[-1]}, expected {expected}") from None
