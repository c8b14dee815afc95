"""What Prometheus may ask for: requests, their times, tokens, and how full the server is."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gradschool.serve.scheduler import Ended
from gradschool.serve.service import Service

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
GONE = 499  # nginx' number for a client that did not wait; nobody receives it
OTHERS = "other"  # asked for a model that does not exist, or for none


class Metrics:
    """The counts of one server; models that clients invent are counted as one."""

    def __init__(self, service: Service) -> None:
        self._registry = CollectorRegistry()
        labels, registry = ["model"], self._registry
        self.requests = Counter(
            "gradschool_requests", "Requests, by HTTP status; 499: the client went away.", ["model", "status"],
            registry=registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "gradschool_request_seconds", "From a request to the end of its answer.", labels, registry=registry,
            buckets=SECONDS,
        )  # fmt: skip
        self.first_piece = Histogram(
            "gradschool_first_piece_seconds", "From a request to the first text of its answer.", labels,
            registry=registry, buckets=SECONDS,
        )  # fmt: skip
        self.read = Counter("gradschool_prompt_tokens", "Tokens of questions.", labels, registry=registry)
        self.written = Counter("gradschool_new_tokens", "Tokens of answers.", labels, registry=registry)
        running = Gauge("gradschool_running", "Requests that are being answered.", registry=registry)
        running.set_function(lambda: sum(base.running for base in service.bases))
        waiting = Gauge("gradschool_waiting", "Requests that wait for a place.", registry=registry)
        waiting.set_function(lambda: sum(base.waiting for base in service.bases))

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)


class Watch:
    """What is measured of one request."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics, self._began = metrics, time.monotonic()
        self.model = OTHERS
        self._first = self._done = False

    def piece(self, text: str) -> None:
        """Some text, or none, goes out."""
        if text and not self._first:
            self._first = True
            self._metrics.first_piece.labels(self.model).observe(time.monotonic() - self._began)

    def ended(self, ended: Ended) -> None:
        """The answer is whole."""
        self._metrics.read.labels(self.model).inc(ended.prompt_tokens)
        self._metrics.written.labels(self.model).inc(ended.new_tokens)

    def done(self, status: int) -> None:
        """The request is done, in whatever way; only the first word about it counts."""
        if not self._done:
            self._done = True
            self._metrics.requests.labels(self.model, str(status)).inc()
            self._metrics.seconds.labels(self.model).observe(time.monotonic() - self._began)
