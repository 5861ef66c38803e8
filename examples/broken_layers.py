"""Twelve backward passes with one mistake each, and the gradient checker's report on each.

python examples/broken_layers.py
"""

from minidl import check_layer, check_loss
from minidl.layers import Dense, Dropout, ReLU, Residual, Sigmoid
from minidl.losses import MeanSquaredError
from minidl.regularizers import L2


def broken(base, backward):
    """Return a subclass of base with this backward."""
    return type(f"Broken{base.__name__}", (base,), {"backward": backward})


def dense(W=lambda dW, layer: dW, b=lambda dy: dy.sum(axis=0), x=lambda dx: dx):
    """Return Dense(3) with one of its three gradients changed."""

    def backward(self, dy):
        self.kernel.grad = W(self.x.T @ dy, self)
        self.bias.grad = b(dy)
        return x(dy @ self.kernel.value.T)

    return broken(Dense, backward)(3)


def unscaled(self, dy):
    return dy if self.scaled_mask is None else dy * (self.scaled_mask > 0)


def twice_one_over_m(self, p, y, weights=None):
    value, gradient = MeanSquaredError.value_and_gradient(self, p, y, weights)
    return value, gradient / len(p)


LAYERS = {
    "1. The sign of the kernel's gradient": dense(W=lambda dW, layer: -dW),
    "2. A mean where a sum belongs": dense(b=lambda dy: dy.mean(axis=0)),
    "3. The bias summed over everything": dense(b=lambda dy: dy.sum()),
    "4. A gradient added to what was there": dense(W=lambda dW, layer: layer.kernel.grad + dW),
    "5. A penalty that has no place here": dense(W=lambda dW, layer: dW + 0.1 * layer.kernel.value),
    "6. One millionth too much": dense(x=lambda dx: dx * (1 + 1e-6)),
    "7. The mask of ReLU forgotten": broken(ReLU, lambda self, dy: dy)(),
    "8. The derivative of tanh for that of the sigmoid": broken(Sigmoid, lambda self, dy: dy * (1 - self.y**2))(),
    "9. Dropout's scale forgotten on the way back": broken(Dropout, unscaled)(0.2),
    "10. The residual's own x forgotten": broken(Residual, lambda self, dy: self.layers[0].backward(dy))(Dense(4)),
}
LOSSES = {
    "11. 1/m twice in a loss": type("BrokenLoss", (MeanSquaredError,), {"value_and_gradient": twice_one_over_m})(),
    "12. The 2 of a square in a penalty": type(
        "BrokenL2", (L2,), {"gradient": lambda self, w, m: 2 * self.lambd / m * w}
    )(0.7),
}


def main():
    for title, layer in LAYERS.items():
        print(f"\n{title}\n{check_layer(layer, 4, raise_on_failure=False)}")
    for title, loss in LOSSES.items():
        print(f"\n{title}\n{check_loss(loss, raise_on_failure=False)}")


if __name__ == "__main__":
    main()
