"""History is a callback."""

from minidl.callbacks import Callback, History


def test_history_is_a_callback():
    assert isinstance(History(), Callback)
