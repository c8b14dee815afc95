"""Images of others: found, decoded within bounds, and compared."""
