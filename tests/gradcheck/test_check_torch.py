"""The check of torch.autograd.Functions and modules: right ones, planted mistakes, forms; nothing is changed."""

import numpy as np
import pytest

from minidl import DataError, GradientError, SettingError
from minidl.gradcheck import check_torch

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

from tests.helpers.torch_functions import PLANTS, RIGHT, function  # noqa: E402  it needs torch

X = torch.tensor(np.random.default_rng(0).standard_normal((4, 3)))


def names_of(name):
    forward, _, inputs = RIGHT[name]
    return forward.__code__.co_varnames[: len(inputs)]


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_right_function_passes(name, dtype):
    forward, backward, inputs = RIGHT[name]
    inputs = [x.to(dtype) if isinstance(x, torch.Tensor) and x.is_floating_point() else x for x in inputs]
    report = check_torch(function(forward, backward), *inputs)
    assert report.difference < 1e-7
    assert report.notes == []


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant[1]}: {plant[0]}")
def test_a_planted_mistake_is_found_where_it_is_and_named(plant):
    _, of, backward, wrong, says = plant
    forward, _, inputs = RIGHT[of]
    report = check_torch(function(forward, backward), *inputs, raise_on_failure=False)
    assert list(report.wrong) == [names_of(of)[k] for k in wrong]
    if says:
        assert all(says in tensor.cause for tensor in report.wrong.values())


def test_all_forms_of_a_function():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return 2 * x * dy

    for form in (Square, Square.apply, lambda x: Square.apply(x).sum(), torch.square):
        assert check_torch(form, X).passed
    assert list(check_torch(Square, X).tensors) == ["x"]
    assert check_torch(Square, X).title == "Square"


# ---- modules


def test_a_module_in_float32_is_left_as_it_was():
    torch.manual_seed(0)
    layers = [
        torch.nn.Linear(3, 4),
        torch.nn.BatchNorm1d(4),
        torch.nn.Dropout(),
        torch.nn.ReLU(),
        torch.nn.Linear(4, 2),
    ]
    module = torch.nn.Sequential(*layers)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    report = check_torch(module, torch.randn(5, 3, generator=torch.Generator().manual_seed(1)))
    assert list(report.tensors) == ["input", *(name for name, _ in module.named_parameters())]
    assert report.difference < 1e-8
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert all(p.grad is None and p.dtype == torch.float32 for p in module.parameters())
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_default_dtype() == torch.float32


MODULES = {
    "LSTM": (lambda: torch.nn.LSTM(3, 4, batch_first=True), (torch.randn(2, 5, 3),)),
    "GRU": (lambda: torch.nn.GRU(3, 4, num_layers=2, dropout=0.5), (torch.randn(5, 2, 3),)),
    "attention": (lambda: torch.nn.MultiheadAttention(4, 2, dropout=0.3), [torch.randn(3, 2, 4)] * 3),
    "embedding": (lambda: torch.nn.Embedding(5, 3, sparse=True), (torch.tensor([1, 2, 2]),)),
    "convolution": (lambda: torch.nn.Conv2d(2, 3, 2), (torch.randn(2, 2, 4, 4),)),
    "group norm": (lambda: torch.nn.GroupNorm(2, 4), (torch.randn(3, 4, 5),)),
    "spectral norm": (lambda: torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(3, 2)), (X.float(),)),
    "transformer": (lambda: torch.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), (torch.randn(2, 3, 4),)),
    "max pooling": (lambda: torch.nn.MaxPool2d(2, return_indices=True), (torch.randn(2, 2, 4, 4),)),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_of_pytorch_are_right(name):
    torch.manual_seed(0)
    make, inputs = MODULES[name]
    assert check_torch(make(), *inputs).difference < 1e-7


def test_a_wrong_layer_of_a_module_and_a_frozen_one():
    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.g = torch.nn.Parameter(torch.ones(3))
            self.frozen = torch.nn.Linear(3, 3).requires_grad_(False)

        def forward(self, x):
            return function(lambda x, g: x * g, lambda dy, x, g: (dy * g, (dy * x).mean(0))).apply(
                self.frozen(x), self.g
            )

    report = check_torch(Scaled(), X.float(), raise_on_failure=False)
    assert list(report.tensors) == ["x", "g"]
    assert report.tensors["g"].cause == "dL/dg = derivative / 4 everywhere, and 4 = 4 rows: a mean where a sum belongs"


def test_state_on_a_module_does_not_add_up():
    class Counting(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.steps, self.sums = 0, torch.zeros(())
            self.kept = torch.ones(3, requires_grad=True) * 2  # deepcopy refuses it

        def forward(self, x):
            self.steps += 1
            self.sums += 1.0
            return x * self.steps * self.sums * self.kept.detach()

    module = Counting()
    assert check_torch(module, X).passed
    assert (module.steps, module.sums) == (0, 0)


# ---- which tensors have a gradient


def test_only_marked_tensors_are_checked():
    marked = X.clone().requires_grad_()
    assert list(check_torch(torch.nn.functional.mse_loss, marked, X + 1).tensors) == ["input"]
    assert list(check_torch(torch.nn.functional.mse_loss, X, X + 1).tensors) == ["input", "target"]
    assert marked.grad is None


def test_none_for_a_target_is_noted_and_for_a_marked_tensor_wrong():
    loss = function(lambda p, y: ((p - y) ** 2).sum(), lambda dy, p, y: (2 * dy * (p - y), None))
    report = check_torch(loss, X, X + 1)
    assert list(report.tensors) == ["p"]
    assert "or backward returns None for it: it is held fixed" in report.notes[0]
    with pytest.raises(GradientError, match="backward returns None for it, but the derivative is not 0"):
        check_torch(loss, X.clone().requires_grad_(), (X + 1).requires_grad_())


def test_a_detached_way_is_found():
    report = check_torch(lambda x: (x.detach() ** 2).sum(), X, raise_on_failure=False)
    assert report.tensors["x"].cause.startswith("autograd finds no way from x to the outputs")


def test_structures_of_inputs_and_outputs():
    def f(params, x, name):
        h = x @ params["W"] + params["bias"][0]
        return {"h": h.tanh(), name: (h.max(dim=0), x.numel())}

    params = {"W": torch.ones(3, 2), "bias": [torch.zeros(2)]}
    assert list(check_torch(f, params, X, "rest").tensors) == ["params/W", "params/bias/0", "x"]
    assert check_torch(torch.fft.fft, torch.randn(5, dtype=torch.complex64)).passed
    assert check_torch(torch.linalg.qr, torch.randn(4, 3)).passed


def test_double_backward_is_one_more_function():
    def gradient(x):
        (found,) = torch.autograd.grad(torch.sin(x).sum(), x, create_graph=True)
        return found

    assert check_torch(gradient, X).passed


# ---- what it does besides


def test_writes_are_noted():
    def doubled(x):
        x.mul_(2)
        return x.sum()

    assert check_torch(doubled, X).notes == ["forward writes into its argument x"]
    into_dy = function(lambda x: x * 2, lambda dy, x: dy.mul_(2))
    assert "backward writes into its argument dy" in check_torch(into_dy, X).notes


def test_layouts():
    viewed = function(lambda x: x * 2, lambda dy, x: 2 * dy.view(-1).view(x.shape))
    (note,) = check_torch(viewed, X).notes
    assert note.startswith("it fails for a dy that is not contiguous: RuntimeError: view size is not compatible")
    as_stored = function(lambda x: x * 2, lambda dy, x: 2 * torch.as_strided(dy, x.shape, (3, 1)))
    report = check_torch(as_stored, X, raise_on_failure=False)
    assert report.wrong == {}
    assert report.broken == ["backward gives another gradient for a dy that is not contiguous"]


def test_an_output_alone():
    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, da, db):
            return 2 * da + 3 * db

    notes = check_torch(Two, X).notes
    assert [note.split(":")[0] for note in notes] == [
        "it fails if output 0 alone is used", "it fails if output 1 alone is used"
    ]  # fmt: skip


def test_random_functions_are_replayed_from_all_generators():
    own = torch.Generator().manual_seed(3)

    def noisy(x):
        return x * torch.rand(x.shape) * torch.rand(x.shape, generator=own) * np.random.rand()  # noqa: NPY002

    assert check_torch(noisy, X).passed


def test_errors():
    with pytest.raises(SettingError, match=r"must be a torch\.autograd\.Function, a module or a function, got 3"):
        check_torch(3, X)
    with pytest.raises(DataError, match="no input is a tensor of floating-point numbers"):
        check_torch(torch.sum, torch.tensor([1, 2]))
    module = torch.nn.Linear(3, 2)
    with pytest.raises(RuntimeError) as caught:
        check_torch(lambda x: module(x), X)
    assert "hand over the module itself" in caught.value.__notes__[0]
