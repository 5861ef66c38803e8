"""Sort digits with a small transformer, and draw which digits each place looks at.

python examples/transformer.py      prints how many new rows are sorted, and writes attention.png
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

from minidl import Sequential, check_layer
from minidl.layers import (
    Dense,
    Dropout,
    Embedding,
    Layer,
    LayerNormalization,
    MultiHeadAttention,
    PositionEmbedding,
    ReLU,
    Residual,
    Softmax,
    build_layer,
)
from minidl.optimizers import Adam
from minidl.plots import attention_maps

DIGITS, STEPS = 10, 8


@dataclass(eq=False)
class TransformerBlock(Layer):
    """y = h + mlp(norm(h)),   h = x + attention(norm(x)).   x (m, steps, n) -> y of the same shape.

    (Vaswani et al. 2017, with the normalization before each part as in Xiong et al. 2020)

    num_heads        a divisor of n
    units            of the hidden layer of the mlp, which works on each step alone
    dropout          the rate after both parts
    use_causal_mask  True: no step sees later ones
    """

    num_heads: int
    units: int
    dropout: float = 0.0
    use_causal_mask: bool = False

    def build(self, input_shape):
        n = input_shape[-1]
        attention = MultiHeadAttention(self.num_heads, n // self.num_heads, use_causal_mask=self.use_causal_mask)
        mlp = Dense(self.units), ReLU(), Dense(n)
        self.attention = Residual(LayerNormalization(), attention, Dropout(self.dropout))
        self.mlp = Residual(LayerNormalization(), *mlp, Dropout(self.dropout))
        return build_layer(self.mlp, build_layer(self.attention, input_shape))

    def forward(self, x, training=False):
        return self.masked_forward(x, None, training)[0]

    def masked_forward(self, x, mask, training=False):
        h, mask = self.attention.masked_forward(x, mask, training)
        return self.mlp.masked_forward(h, mask, training)

    def backward(self, dy):
        return self.attention.backward(self.mlp.backward(dy))


def network(seed):
    """Return a network that classifies each step: which digit comes there in the sorted row."""
    layers = [
        Embedding(DIGITS, 32),
        Residual(PositionEmbedding(STEPS)),
        TransformerBlock(num_heads=2, units=64),
        LayerNormalization(),
        Dense(DIGITS),
        Softmax(),
    ]
    return Sequential(layers, seed=seed)


if __name__ == "__main__":
    print(check_layer(TransformerBlock(2, 3, dropout=0.3), input_shape=(4, 6)))

    x = np.random.default_rng(0).integers(DIGITS, size=(9000, STEPS))
    y = np.sort(x, axis=1)
    model = network(seed=0)
    model.compile(Adam(0.003), loss="sparse_categorical_crossentropy")
    model.fit(x[:8000], y[:8000], batch_size=64, epochs=6)

    right = model.predict(x[8000:]).argmax(axis=-1) == y[8000:]
    print(f"\nof 1000 new rows, {right.all(axis=1).sum()} are sorted; of the digits, {right.mean():.2%} are right")

    row = np.array([3, 1, 4, 1, 5, 9, 2, 6])
    figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    attention_maps(model, row, tokens=np.sort(row), keys=row, ax=ax)
    ax.set(title="which digits of 3 1 4 1 5 9 2 6 each place looks at", xlabel="given", ylabel="sorted")
    figure.savefig("attention.png")
