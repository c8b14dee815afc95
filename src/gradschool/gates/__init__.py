"""Checks beside the score that may refuse a specialist."""
