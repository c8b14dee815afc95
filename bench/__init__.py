"""One script per claim; each writes bench/results/NAME.json with the environment it ran in."""
