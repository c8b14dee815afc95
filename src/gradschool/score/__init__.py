"""Metrics, confidence bounds and verdicts."""
