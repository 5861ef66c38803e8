"""The benchmarks on images run, and their contenders compute the same."""

import numpy as np
import pytest

from tests.benchmarks import cats, convolution, digits, image_memory, images


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


def test_every_split_of_the_digits_is_different_and_has_450_to_test():
    (_, first, _, labels), (_, second, _, _) = digits.split(0), digits.split(1)
    assert first.shape == (450, 8, 8, 1) and labels.shape == (450,)
    assert first.max() == 1 and not np.array_equal(first, second)


def test_the_table_of_digits_has_both_networks(capsys):
    digits.main(seeds=range(2), epochs=1)
    assert [line.split(" | ")[0] for line in capsys.readouterr().out.splitlines()[2:]] == ["| convolutional", "| dense"]


@pytest.fixture(scope="module")
def photos():
    return cats.photographs()


@pytest.mark.parametrize("candidate", cats.CANDIDATES)
def test_every_recipe_for_cats_trains(photos, candidate):
    found = cats.cross_validated(photos.x_train[:20], photos.y_train[:20], 2, epochs=1, **cats.CANDIDATES[candidate])
    assert len(found) == 2 and all(0 <= value <= 1 for value in found)


def test_the_comparison_of_cats_prints_both_tables_and_the_difference(photos, capsys):
    cats.compare(photos, range(1), range(2), epochs=1)
    text = capsys.readouterr().out
    assert text.count("| dense |") == text.count("| convolutional |") == 2
    assert "convolutional - dense: " in text


def test_the_standard_error_is_that_of_nadeau_and_bengio():
    # variance 0.01, ten splits, test part 1/4 of the training part: sqrt((0.1 + 0.25) * 0.01)
    differences = np.array([-1.0, 1.0] * 5) * np.sqrt(0.01 * 9 / 10)
    assert cats.standard_error(differences, 0.25) == pytest.approx(np.sqrt(0.0035))
