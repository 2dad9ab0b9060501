"""``python -m encoding_worker`` is ``mapreel``."""

import sys

# Google's client imports gRPC wherever it finds it (Airflow brings it), and speaks HTTP to buckets all the same: 0.3 of
# the 1.1 CPU seconds that this program takes to start. None makes Python say that there is none.
sys.modules["grpc"] = None  # type: ignore[assignment]

from encoding_worker.cli import main  # noqa: E402

main()
