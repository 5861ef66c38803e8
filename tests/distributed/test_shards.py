"""The rows of a batch that each process works on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minidl.data import BatchStream, Examples
from minidl.distributed._shards import LocalBatches, Shard
from tests.helpers.mpi_programs import IndexedBatches


@given(
    rows=st.integers(1, 40), size=st.integers(1, 50), processes=st.integers(1, 9), shuffle=st.booleans(), data=st.data()
)
def test_the_shards_of_a_batch_make_up_the_batch(rows, size, processes, shuffle, data):
    whole = Examples(np.arange(rows)[:, None], np.arange(rows)[:, None])
    order = whole.epoch_order(size, np.random.default_rng(rows)) if shuffle else None
    start = data.draw(st.integers(0, whole.steps(size)))
    batches = [batch.x[:, 0].tolist() for batch in whole.batches(size, order, start)]
    shards = [list(Shard(whole, rank, processes).batches(size, order, start)) for rank in range(processes)]
    joined = [np.concatenate([shard.x[:, 0] for shard in step]).tolist() for step in zip(*shards, strict=True)]
    assert joined == batches
    for step in zip(*shards, strict=True):
        assert max(map(len, step)) - min(map(len, step)) <= 1


def test_a_process_with_fewer_batches_yields_empty_ones():
    given = [Examples(np.ones((rows, 2)), np.ones((rows, 1))) for rows in (3, 1)]
    source = BatchStream("fit", IndexedBatches(given))
    source.check = lambda batch: batch
    assert [len(batch) for batch in LocalBatches(source, 4).batches(32)] == [3, 1, 0, 0]
    assert [len(batch) for batch in LocalBatches(source, 4).batches(32, start=1)] == [1, 0, 0]
    assert LocalBatches(source, 4).steps(32) == 4
