"""Metrics for Prometheus: requests, latencies, tokens and queue length."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gradschool.serve.scheduler import Finished
from gradschool.serve.service import Service

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)  # seconds
CLIENT_CLOSED_REQUEST = 499  # nginx' status for a client that disconnected; only metrics show it
UNKNOWN_MODEL = "other"  # one label for all names that clients make up, so that they cannot grow the registry


class Metrics:
    """The metrics of one server."""

    def __init__(self, service: Service) -> None:
        self._registry = CollectorRegistry()
        labels, registry = ["model"], self._registry
        self.requests = Counter(
            "gradschool_requests", "Requests by HTTP status; 499: the client disconnected.", ["model", "status"],
            registry=registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "gradschool_request_seconds", "Time from the request to the end of its answer.", labels, registry=registry,
            buckets=BUCKETS,
        )  # fmt: skip
        self.first_text = Histogram(
            "gradschool_first_piece_seconds", "Time from the request to the first text of its answer.", labels,
            registry=registry, buckets=BUCKETS,
        )  # fmt: skip
        self.prompt_tokens = Counter("gradschool_prompt_tokens", "Prompt tokens.", labels, registry=registry)
        self.new_tokens = Counter("gradschool_new_tokens", "Generated tokens.", labels, registry=registry)
        self.abstained = Counter("gradschool_abstained", "Questions left to a person.", labels, registry=registry)
        running = Gauge("gradschool_running", "Requests being answered.", registry=registry)
        running.set_function(lambda: sum(base.running for base in service.bases))
        waiting = Gauge("gradschool_waiting", "Requests in the queue.", registry=registry)
        waiting.set_function(lambda: sum(base.waiting for base in service.bases))

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class RequestMetrics:
    """Measures one request."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics, self._began = metrics, time.monotonic()
        self.model = UNKNOWN_MODEL
        self._first = self._done = False

    def text_sent(self, text: str) -> None:
        """Record the time to the first text; `text` may be empty."""
        if text and not self._first:
            self._first = True
            self._metrics.first_text.labels(self.model).observe(time.monotonic() - self._began)

    def finished(self, finished: Finished) -> None:
        """Count the tokens of a finished answer."""
        self._metrics.prompt_tokens.labels(self.model).inc(finished.prompt_tokens)
        self._metrics.new_tokens.labels(self.model).inc(finished.new_tokens)

    def abstained(self) -> None:
        """Count a question that the specialist did not answer because it was not sure."""
        self._metrics.abstained.labels(self.model).inc()

    def done(self, status: int) -> None:
        """Count the request with its status; later calls are ignored."""
        if not self._done:
            self._done = True
            self._metrics.requests.labels(self.model, str(status)).inc()
            self._metrics.seconds.labels(self.model).observe(time.monotonic() - self._began)
