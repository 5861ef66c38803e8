"""Packages that only some formats need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def requires(extra: str) -> Iterator[None]:
    """Surround imports: if one fails, the error names the extra of minidl that installs the package."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}; install it with pip install 'minidl[{extra}]'", name=error.name) from None
