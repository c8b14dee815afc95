"""The test files that take longest, slowest first: they start first, so no worker has a slow one at the end."""

SLOWEST = (
    "test_resume.py",
    "export/test_export.py",
    "score/test_coverage.py",
    "tune/test_loop.py",
    "tune/test_world.py",
    "test_together.py",
    "test_climb_in_four_bits.py",
    "test_cli.py",
    "test_climbing.py",
    "model/test_decoding.py",
    "parity/test_llama_cpp.py",
    "score/test_stats.py",
    "model/test_reader.py",
    "test_examples.py",
    "studio/test_in_browser.py",
    "serve/test_server.py",
    "serve/test_clients.py",
)
