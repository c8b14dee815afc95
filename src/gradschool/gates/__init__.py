"""Checks that can reject a specialist regardless of its score."""
