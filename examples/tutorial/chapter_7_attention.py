"""
7. Attention
============

A recurrent layer reads a sequence step by step and must carry along all that will matter later. Attention looks at all
steps at once, and learns which of them matter for which. This chapter shows its formula and its derivative, and trains
small networks that reverse and sort rows of digits.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

from minidl import Sequential, check_layer, pad_sequences
from minidl.layers import (
    Attention,
    Dense,
    Embedding,
    Layer,
    LayerNormalization,
    MultiHeadAttention,
    PositionEmbedding,
    ReLU,
    Residual,
    SinePositionEncoding,
    Softmax,
    build_layer,
)
from minidl.optimizers import Adam
from minidl.plots import attention_maps

# %%
# A weighted mean
# ---------------
# A dict has values under keys, and finds the one whose key equals what it is asked for. Attention is a soft dict: keys
# and the query are vectors, and the answer is a mean of all values, in which those count most whose keys are most like
# the query. How alike they are is their dot product, the score; softmax makes weights of the scores, above 0 and
# together 1. With queries Q, keys K and values V as the rows of matrices::
#
#     y = P V,    P = softmax(S) along the keys,    S = Q K^T
#
# Three keys with a value each, and two queries. The first query is like the first key, the second is like none:

keys = np.array([[4.0, 0.0], [0.0, 4.0], [-4.0, 0.0]])
values = np.array([[10.0], [20.0], [30.0]])
queries = np.array([[1.0, 0.0], [0.0, 0.0]])

scores = queries @ keys.T
weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
print(weights.round(3))
print(weights @ values)

# %%
# The layer ``Attention`` computes the same for each row. It takes query, value and key, in the order of Keras:

layer = Attention()
layer.build((queries.shape, values.shape, keys.shape))
print(layer.forward((queries[None], values[None], keys[None]))[0])

# %%
# Backward
# --------
# The derivatives of the two products are those of any matrix product. The softmax couples the scores of a row: if one
# weight becomes larger, the others become smaller, because their sum stays 1. Hence the sum over the row, the same
# number for all keys of a query::
#
#     dV = P^T dy
#     dP = dy V^T
#     dS = P * (dP - sum(dP * P))
#     dQ = dS K,    dK = dS^T Q
#
# Without the sum the code still runs, and often even learns. The gradient checker (:doc:`chapter 3
# <chapter_3_gradient_checking>`) sees it:


@dataclass(eq=False)
class Forgetful(Attention):
    """Attention without the sum in dS."""

    def backward(self, dy):
        p, (query, value, key) = self.attention_scores, (self.query, self.values, self.key)
        dscores = p * (dy @ value.swapaxes(1, 2))
        return dscores @ key, p.swapaxes(1, 2) @ dy, dscores.swapaxes(1, 2) @ query


print(check_layer(Forgetful(), input_shape=((2, 3), (4, 2), (4, 3)), raise_on_failure=False))

# %%
# Queries, keys and values from one sequence
# ------------------------------------------
# In self-attention, a sequence x asks itself: each step makes its own query, key and value by a matrix each, which are
# learned. ``MultiHeadAttention`` does this several times side by side, in heads, each with matrices of its own. So one
# head can look at the step before, and another at the end of the sentence. A last matrix mixes what the heads found.
# The scores are divided by the square root of the number of features, or softmax would be close to 0 and 1 from the
# start, where its derivative vanishes::
#
#     y = sum over heads of P (x C) O,    P = softmax((x A) (x B)^T / sqrt(key_dim))

check_layer(MultiHeadAttention(num_heads=2, key_dim=3), input_shape=(5, 4))

# %%
# Positions
# ---------
# Nothing in these formulas knows the order of the steps. If they are shuffled, the outputs are shuffled in the same
# way:

x = np.random.default_rng(0).normal(size=(1, 5, 4))
order = [3, 0, 4, 1, 2]
model = Sequential([MultiHeadAttention(2, 3)], seed=0)
model.build(x.shape[1:])
print(np.abs(model.predict(x[:, order]) - model.predict(x)[:, order]).max())

# %%
# Therefore a vector of the position is added to each step. It may be learned, ``PositionEmbedding``, or made of sines
# of many wavelengths, ``SinePositionEncoding``. These are the sines for 100 positions of 32 features:

encoding = SinePositionEncoding(max_wavelength=1000).forward(np.zeros((1, 100, 32)))[0]
figure, ax = plt.subplots(figsize=(8, 2.6), layout="constrained")
ax.imshow(encoding.T, aspect="auto", cmap="gray")
ax.set(xlabel="position", ylabel="feature")

# %%
# ``Residual(PositionEmbedding(steps))`` adds the vectors to its input.
#
# Reversing a row
# ---------------
# The first task is to copy a row of eight digits backwards. It needs no knowledge of the digits, only of the places:
# the output at place i is the digit at place 7 - i. ``Embedding`` turns digits into vectors, one head of attention
# moves them, and a dense layer says at each place which digit it is.

steps = 8
digits = np.random.default_rng(0).integers(10, size=(9000, steps))
train, test = digits[:8000], digits[8000:]

model = Sequential(
    [
        Embedding(10, 32),
        Residual(PositionEmbedding(steps)),
        MultiHeadAttention(num_heads=1, key_dim=32),
        Dense(10),
        Softmax(),
    ],
    seed=0,
)
model.compile(Adam(0.003), loss="sparse_categorical_crossentropy")
model.fit(train[:2000], train[:2000, ::-1], batch_size=32, epochs=8)


def right(model, wanted):
    """Return how many test rows are right, and the share of digits that are right."""
    equal = model.predict(test).argmax(axis=-1) == wanted
    return f"{equal.all(axis=1).sum()} of {len(test)} rows, {equal.mean():.2%} of the digits"


print(right(model, test[:, ::-1]))

# %%
# Two thousand rows are enough for every new row to be right; so it was from five seeds out of five. The weights P of
# one row, with a line for each output and a column for each input. Black is 1:

row = np.array([3, 1, 4, 1, 5, 9, 2, 6])
figure, ax = plt.subplots(figsize=(4, 4), layout="constrained")
attention_maps(model, row, tokens=row[::-1], keys=row, ax=ax)
ax.set(xlabel="given", ylabel="reversed")

# %%
# A transformer block
# -------------------
# To sort a row, a place must compare digits, so looking at the right place is not enough. Transformers are made of
# blocks: attention, which moves information between steps, then two dense layers, which compute on each step alone.
# Each part is added to its input (``Residual``), so that gradients flow past it, and normalizes its input first. A
# layer made of layers builds them, and calls their ``forward`` and ``backward``:


@dataclass(eq=False)
class TransformerBlock(Layer):
    """y = h + mlp(norm(h)),   h = x + attention(norm(x)).   x (m, steps, n) -> y of the same shape."""

    num_heads: int
    units: int

    def build(self, input_shape):
        n = input_shape[-1]
        self.attention = Residual(LayerNormalization(), MultiHeadAttention(self.num_heads, n // self.num_heads))
        self.mlp = Residual(LayerNormalization(), Dense(self.units), ReLU(), Dense(n))
        return build_layer(self.mlp, build_layer(self.attention, input_shape))

    def forward(self, x, training=False):
        return self.masked_forward(x, None, training)[0]

    def masked_forward(self, x, mask, training=False):
        h, mask = self.attention.masked_forward(x, mask, training)
        return self.mlp.masked_forward(h, mask, training)

    def backward(self, dy):
        return self.attention.backward(self.mlp.backward(dy))


check_layer(TransformerBlock(2, 5), input_shape=(3, 4))

# %%
# ``masked_forward`` passes on which steps are padding; see the end of this chapter.
#
# Sorting a row
# -------------


def sorter(*positions):
    return Sequential(
        [
            Embedding(10, 32),
            *positions,
            TransformerBlock(num_heads=2, units=64),
            LayerNormalization(),
            Dense(10),
            Softmax(),
        ],
        seed=0,
    )


def trained(model):
    model.compile(Adam(0.003), loss="sparse_categorical_crossentropy")
    model.fit(train, np.sort(train, axis=1), batch_size=64, epochs=6)
    return model


sorting = trained(sorter(Residual(PositionEmbedding(steps))))
print("with positions:   ", right(sorting, np.sort(test, axis=1)))
print("without positions:", right(trained(sorter()), np.sort(test, axis=1)))

# %%
# From seeds 0 to 4, between 996 and 998 of the 1,000 new rows were sorted. Without positions it was none: all places
# that hold the same digit have the same output. The two heads of the block:

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
attention_maps(sorting, row, tokens=np.sort(row), keys=row, ax=ax)
ax.set(xlabel="given", ylabel="sorted")

# %%
# The first places look at small digits and the last ones at large digits. In the middle the weights are nearly equal:
# the mean over all digits says how many there are of each, and the dense layers work out the rest. A map shows where a
# layer looks, not what it makes of it.
#
# Later steps, and padding
# ------------------------
# A network that writes a text must not look at letters that it has yet to write. ``use_causal_mask=True`` gives the
# weight 0 to all later steps. Sequences of different lengths are padded with zeros, and ``Embedding(mask_zero=True)``
# marks the padding, which then gets the weight 0 as well. Here are both, before any training:

sentences = pad_sequences([[5, 2, 7, 3, 6, 1], [4, 4, 8]], padding="post")
model = Sequential(
    [Embedding(10, 8, mask_zero=True), MultiHeadAttention(1, 8, use_causal_mask=True), Dense(10), Softmax()], seed=0
)
model.build(sentences.shape[1:])
figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for sentence, ax in zip(sentences, axes, strict=True):
    attention_maps(model, sentence, tokens=sentence, ax=ax)

# %%
# A step that is padding looks at nothing, and nothing looks at it; in the loss it does not count. So a padded row has
# the outputs that its three steps have alone, to rounding:

alone = sentences[1:, :3]
for layer in model.layers:
    alone = layer.forward(alone)
print(np.abs(model.predict(sentences)[1, :3] - alone[0]).max())

# %%
# The price of attention is its table of scores: a sequence of twice the length has four times as many.
