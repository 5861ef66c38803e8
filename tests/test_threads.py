"""BLAS on one thread where a second one would not help much, and on as many as before afterwards; work on all cores."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from minidl import Sequential, _threads
from minidl._threads import over_blocks
from minidl.callbacks import Callback
from minidl.layers import Conv2D, Dense, DepthwiseConv2D, Flatten, MaxPooling2D


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


pytestmark = pytest.mark.skipif(not blas_threads(), reason="the threads of NumPy's BLAS cannot be chosen here")


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, user_api="blas"):
        yield


class Watch(Callback):
    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(blas_threads())

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(blas_threads())


@pytest.mark.parametrize(
    ("units", "in_a_step"),
    [(100, {2}), (1000, {1}), (1999, {1}), (2000, {2})],  # times 20 features and 100 rows: 200,000 to 4,000,000
)
def test_threads_of_a_training_by_its_largest_product(units, in_a_step):
    watch = Watch()
    Sequential([Dense(units), Dense(1)], seed=0).fit(
        np.ones((200, 20)), np.ones(200), batch_size=100, callbacks=[watch]
    )
    assert watch.seen == [in_a_step, in_a_step, {2}]
    assert blas_threads() == {2}


def test_a_training_that_fails_gives_the_threads_back():
    class Breaks(Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyError("broken")

    with pytest.raises(KeyError):
        Sequential([Dense(1000)], seed=0).fit(
            np.ones((100, 20)), np.ones((100, 1000)), batch_size=100, callbacks=[Breaks()]
        )
    assert blas_threads() == {2}


def test_a_training_in_another_thread_leaves_them_alone():
    watch = Watch()
    model = Sequential([Dense(1000)], seed=0)
    other = threading.Thread(
        target=lambda: model.fit(np.ones((100, 20)), np.ones((100, 1000)), batch_size=100, callbacks=[watch])
    )
    other.start()
    other.join()
    assert watch.seen == [{2}, {2}]


def squares(rows):
    return rows.start**2, threading.current_thread().name


def test_blocks_are_computed_on_all_cores_in_their_order():
    blocks = [slice(start, start + 1) for start in range(50)]
    results = over_blocks(squares, blocks)
    assert [square for square, _ in results] == [start**2 for start in range(50)]
    assert all(name.startswith("minidl") for _, name in results)
    assert blas_threads() == {2}


@pytest.mark.parametrize("blocks", [[slice(0, 4)], []], ids=["one", "none"])
def test_one_block_needs_no_other_thread(blocks):
    assert [name for _, name in over_blocks(squares, blocks)] == [threading.current_thread().name] * len(blocks)


def test_other_threads_compute_their_blocks_themselves():
    found = []
    other = threading.Thread(
        target=lambda: found.extend(over_blocks(squares, [slice(0, 1), slice(1, 2)])), name="other"
    )
    other.start()
    other.join()
    assert found == [(0, "other"), (1, "other")]


def test_an_error_in_a_block_reaches_the_caller():
    def fail(rows):
        raise KeyError(rows.start)

    with pytest.raises(KeyError, match="0"):
        over_blocks(fail, [slice(0, 1), slice(1, 2)])
    assert blas_threads() == {2}


def test_convolutions_give_the_same_numbers_on_one_core(monkeypatch):
    x = np.random.default_rng(0).normal(size=(40, 30, 30, 8)).astype("float32")

    def trained():
        model = Sequential([Conv2D(4, 3), DepthwiseConv2D(2), MaxPooling2D(), Flatten(), Dense(1)], seed=0)
        model.fit(x, np.ones(40), batch_size=40)
        return model.params.theta

    several = trained()
    monkeypatch.setattr(_threads, "_cores", lambda: 1)
    assert np.array_equal(several, trained())
