"""The rungs of the ladder: each makes a candidate specialist out of the best one so far."""
