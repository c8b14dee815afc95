"""The rungs of the ladder: each makes a candidate specialist from the best one so far."""
