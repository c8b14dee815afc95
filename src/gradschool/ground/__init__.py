"""Documents: into passages with exact places, an index over them, and citations back to them."""
