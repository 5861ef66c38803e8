"""Say on stderr how far a check is, if it takes more than a few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

PATIENCE = 3.0  # seconds before the first line
INTERVAL = 10.0  # seconds between lines


def told(items: Sequence[Any], what: str) -> Iterator[Any]:
    """Yield the items. what: the word for them, as in "derivatives"."""
    due = time.perf_counter() + PATIENCE
    for number, item in enumerate(items):
        now = time.perf_counter()
        if now > due:
            sys.stderr.write(f"gradient check: {number:,} of {len(items):,} {what}\n")
            sys.stderr.flush()
            due = now + INTERVAL
        yield item
