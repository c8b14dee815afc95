"""Examples: reading them from any usual form, checking them, splitting them honestly."""
