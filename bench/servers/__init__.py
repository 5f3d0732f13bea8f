"""Private throw-away servers, for benchmarks and tests: MariaDB or MySQL, Redis and Ledger Link
itself.

Each listens on 127.0.0.1 on a free port, keeps its data in a temporary directory of its own, is
stopped by its own process id, and leaves nothing behind.
"""
