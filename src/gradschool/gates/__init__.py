"""Checks that can refuse a specialist whatever its score."""
