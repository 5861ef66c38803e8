"""The benchmarks on images run, and their contenders compute the same."""

import numpy as np
import pytest

from tests.benchmarks import convolution, image_memory, images


def test_the_gradients_are_those_of_the_convolution():
    x, kernel, dy = convolution.arrays((2, 5, 6, 3), 4)
    y, dx, dw = convolution.minidl(x, kernel, dy)()
    assert (y.shape, dx.shape, dw.shape) == ((2, 3, 4, 4), x.shape, kernel.shape)
    # both gradients are those of sum(y dy), which is linear in x and in the kernel (Euler's theorem)
    assert np.sum(dx * x) == pytest.approx(np.sum(y * dy), rel=1e-5)
    assert np.sum(dw * kernel) == pytest.approx(np.sum(y * dy), rel=1e-5)


@pytest.mark.peers
@pytest.mark.parametrize("channels_last", [False, True])
def test_the_convolution_is_that_of_pytorch(channels_last):
    pytest.importorskip("torch")
    given = convolution.arrays((2, 5, 6, 3), 4)
    theirs = convolution.torch(*given, channels_last=channels_last)()
    for ours, value in zip(convolution.minidl(*given)(), theirs, strict=True):
        assert np.allclose(ours, value.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("bytes_", [False, True])
def test_the_network_has_34826_parameters(bytes_):
    assert images.minidl(images.ImageWorkload("", 8, 4, bytes=bytes_))() == 34_826


@pytest.mark.peers
@pytest.mark.parametrize("bytes_", [False, True])
@pytest.mark.parametrize("library", ["torch", "keras"])
def test_the_network_is_the_same_in_every_library(library, bytes_):
    pytest.importorskip(library)
    assert getattr(images, library)(images.ImageWorkload("", 8, 4, bytes=bytes_))() == 34_826


@pytest.mark.peers
def test_the_tables_have_a_row_for_each_library(capsys):
    pytest.importorskip("torch")
    convolution.main(rounds=1, repeats=1, cases=[((1, 5, 5, 1), 2)])
    images.steps(rounds=1, rows=4)
    images.epoch(rounds=1, rows=4)
    tables = capsys.readouterr().out.split("###")[1:]
    assert [table.count("| minidl |") for table in tables] == [1, 1, 1]
    assert all(table.count("| PyTorch") == 2 for table in tables)


@pytest.mark.skipif(not image_memory.STATUS.exists(), reason="needs Linux's /proc")
def test_a_larger_batch_needs_more_memory():
    small, large = (image_memory.measured("minidl", batch) for batch in (8, 128))
    assert large > 4 * small > 0
