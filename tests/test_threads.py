"""BLAS on one thread for products that a second one would not make much faster, and on as many as before afterwards."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from minidl import Sequential
from minidl.callbacks import Callback
from minidl.layers import Dense, Flatten, SimpleRNN


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


@pytest.mark.parametrize("steps", [1, 20])
@pytest.mark.parametrize("layer", [Dense(20), SimpleRNN(30)], ids=repr)
def test_the_steps_of_a_sequence_take_one_product(layer, steps):
    watch = Watch()
    model = Sequential([layer.clone(), Flatten(), Dense(1)], seed=0)
    model.fit(np.ones((200, steps, 50)), np.ones(200), batch_size=100, epochs=1, callbacks=[watch])
    assert watch.seen[0] == ({2} if steps == 1 else {1})


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
