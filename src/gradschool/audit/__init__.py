"""The audit of a tuned specialist: what it would do wrong that its base does not, measured without a judge."""
