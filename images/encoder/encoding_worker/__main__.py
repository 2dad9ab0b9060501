"""``python -m encoding_worker`` is ``mapreel``."""

from encoding_worker.cli import main

main()
