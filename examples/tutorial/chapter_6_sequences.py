"""
6. Sequences
============

A dense layer has a weight for every number of a row, so all rows must have one length, and what it learns at one place
it does not know at another. A recurrent layer reads a sequence step by step, with the same weights at every step, and
keeps a state: what it has read so far. This chapter shows its formula and its derivative, forecasts a time series, and
writes names letter by letter.
"""

import re
import unicodedata

import matplotlib.pyplot as plt
import numpy as np

from minidl import Sequential, check_layer, timeseries_windows
from minidl.layers import GRU, LSTM, Dense, Dropout, Embedding, SimpleRNN, Softmax
from minidl.optimizers import Adam
from minidl.plots import cost_curves
from minidl.schedules import CosineDecay
from minidl.text import TextVectorization


def axes(**labels):
    """Return the axes of a new figure."""
    ax = plt.subplots(figsize=(9, 3.4), layout="constrained")[1]
    ax.set(**labels)
    return ax


# %%
# One step after the other
# ------------------------
# A sequence is an array (steps, features). The simplest recurrent layer computes, at each step t, a new state from the
# features there and from the state before::
#
#     h_t = tanh(x_t W + h_{t-1} U + b),    h_0 = 0
#
# The last state is the output, a row of fixed length, whatever the number of steps. Written as a loop:

layer = SimpleRNN(3)
model = Sequential([layer], seed=0)
x = np.random.default_rng(0).normal(size=(1, 5, 2))  # one sequence of five steps, with two features each
y = model.predict(x)
W, U, b = model.get_weights()

h = np.zeros(3)
for features in x[0]:
    h = np.tanh(features @ W + h @ U + b)
print(h)
print(y[0])

# %%
# ``return_sequences=True`` returns the states of all steps, (steps, units), for a layer above that reads sequences too.
#
# Backward through time
# ---------------------
# Every state depends on all the steps before. The derivative goes the way back, step by step, and the weights, which
# are used at every step, get the sum::
#
#     ds_t = dh_t * (1 - h_t^2),    dh_{t-1} += ds_t U^T
#     dW = sum_t x_t^T ds_t,    dU = sum_t h_{t-1}^T ds_t,    db = sum_t ds_t
#
# From the last step to the first, the derivative is multiplied by U^T and by 1 - h^2 <= 1 at every step. In most
# directions it becomes smaller each time, and after some steps nothing is left of it: the layer cannot learn what
# happened long ago. (Hochreiter 1991; Bengio et al. 1994) The LSTM has a second state c, which is not multiplied by a
# matrix. A gate f, a number between 0 and 1 for each unit, decides how much of it is kept, a gate i how much of the new
# g is added, and a gate o how much is shown (Hochreiter & Schmidhuber 1997; Gers et al. 2000)::
#
#     i, f, o = sigmoid(x_t W_i + h_{t-1} U_i + b_i), ...,    g = tanh(x_t W_g + h_{t-1} U_g + b_g)
#     c_t = f * c_{t-1} + i * g,    h_t = o * tanh(c_t)
#
# Where f is near 1, the derivative of c goes back through many steps unchanged. The bias of f begins at 1, f at 0.73,
# and training can bring it nearer to 1. The GRU has one state and two gates (Cho et al. 2014). The derivative of a cost
# with respect to the steps of the input, before any training, and for an LSTM whose f has a larger bias:

sequences, target = np.random.default_rng(1).normal(size=(64, 60, 4)), np.ones((64, 1))
ax = axes(xlabel="step t of 60", ylabel="|dL/dx_t|, mean of 64", yscale="log", title="How far the derivative goes back")
for name, kind, bias in (
    ("SimpleRNN", SimpleRNN, None),
    ("GRU", GRU, None),
    ("LSTM", LSTM, 1),
    ("LSTM, bias of f 3", LSTM, 3),
    ("LSTM, bias of f 5", LSTM, 5),
):
    network = Sequential([kind(32), Dense(1)], seed=0)
    network.compile(loss="mse")
    network.build((60, 4))
    if bias is not None:
        network.params["lstm/bias"].value[32:64] = bias  # of i, f, g and o, 32 each
    size = np.linalg.norm(network.input_gradient(sequences, target), axis=2).mean(axis=0)
    ax.plot(np.arange(1, 61), size, label=name)
ax.legend()

# %%
# The gradient checker goes through all steps, too (:doc:`chapter 3 <chapter_3_gradient_checking>`):

check_layer(LSTM(3), input_shape=(6, 2))

# %%
# A sine
# ------
# A sum of two sines, with noise. What is the next value, if the last 40 are known? ``timeseries_windows`` makes the
# examples: each window of 40 steps, and the step after it. The first 2,000 steps are for training, the last 1,000 for
# testing. Windows that overlap have steps in common, so it is the series that is split, not the windows.

t = np.arange(3000)
clean = np.sin(2 * np.pi * t / 25) + 0.5 * np.sin(2 * np.pi * t / 7)
series = (clean + 0.1 * np.random.default_rng(0).normal(size=t.size))[:, None]  # (steps, features)

train = timeseries_windows(series, 40, "next", end_index=2000)
test = timeseries_windows(series, 40, "next", start_index=2000)
x, y = test.load()
print(len(train), len(test), x.shape, y.shape)

model = Sequential([LSTM(32), Dense(1)], seed=0)
model.compile(Adam(CosineDecay(0.01, 25 * 62)), loss="mse")
history = model.fit(train, epochs=25, validation_data=test)
cost_curves({"test": history.history["val_loss"]}, ax=axes(), log=True)

# %%
# The noise has a variance of 0.01, which nobody can forecast. Two simple forecasts stand beside the network: that
# nothing changes, and a weighted sum of the 40 values, with weights from least squares. Sums of sines obey such a
# linear equation exactly, so a network cannot do better here.

x_train, y_train = train.load()
weights = np.linalg.lstsq(x_train[:, :, 0], y_train, rcond=None)[0]
for name, forecast in (("no change", x[:, -1]), ("least squares", x[:, :, 0] @ weights), ("LSTM", model.predict(test))):
    print(f"{name:14s} mean squared error {np.mean((forecast - y) ** 2):.4f}")

# %%
# Forecasts further ahead take the network's own answers as if they had been measured. From step 2,040 on it sees only
# these:

window = series[2000:2040]
answers = []
for _ in range(150):
    answers.append(model.predict(window[None])[0])
    window = np.append(window[1:], answers[-1:], axis=0)
ax = axes(xlabel="step", title="150 steps ahead")
ax.plot(t[2000:2190], clean[2000:2190], color="0.8", lw=5, label="without noise")
ax.plot(t[2000:2040], series[2000:2040], ".", ms=3, color="k", label="given")
ax.plot(t[2040:2190], answers, label="forecast")
ax.legend(ncols=3)

# %%
# A text
# ------
# Letters are a sequence, too. Python knows the names of all characters of Unicode, among them those of 1,222 emoji.
# ``TextVectorization`` gives each letter a number, its id. A line break comes before the first letter and after the
# last. At each step the network reads a letter and answers with the probability of every letter to be the next one.

codes = [*range(0x1F300, 0x1F650), *range(0x1F680, 0x1F700), *range(0x1F900, 0x1FA00), *range(0x1FA70, 0x1FB00)]
names = {unicodedata.name(chr(code), "").lower() for code in codes}
names = np.random.default_rng(0).permutation(sorted(n for n in names if re.fullmatch("[a-z -]{1,30}", n))).tolist()
print(", ".join(names[:8]))

letters = TextVectorization(standardize=None, split="character", output_sequence_length=31)
letters.adapt([name + "\n" for name in names])
x, y = letters(["\n" + name for name in names]), letters([name + "\n" for name in names])
print(repr("\n" + names[0]), x[0])

# %%
# ``Embedding`` turns each id into a vector, which is learned. The rows have 31 steps, and the end of most of them is
# padding, id 0. With ``mask_zero=True`` these steps count nowhere: not in the state of the LSTM, not in the cost.


def network(stateful=False):
    n = letters.vocabulary_size()
    recurrent = LSTM(96, return_sequences=True, stateful=stateful)
    return Sequential([Embedding(n, 32, mask_zero=True), recurrent, Dropout(0.3), Dense(n), Softmax()], seed=0)


model = network()
model.compile(Adam(CosineDecay(0.03, 16 * 35)), loss="sparse_categorical_crossentropy")
history = model.fit(x, y, epochs=16, validation_split=0.1)
print(f"perplexity {np.exp(history.history['val_loss'][-1]):.1f} of {letters.vocabulary_size() - 2} letters")

# %%
# The perplexity is exp(cost): the network is as unsure as if it had to guess among so many letters. What it expects
# after each letter of a name that it knows, and of one that it does not:

vocabulary = letters.get_vocabulary()
shown = [vocabulary.index(letter) for letter in "abcdefghijklmnopqrstuvwxyz \n"]
figure, panels = plt.subplots(1, 2, figsize=(11, 6), layout="constrained", sharey=True)
for ax, name in zip(panels, ("face with rolling eyes", "cat with large ears"), strict=True):
    p = model.predict(letters(["\n" + name]))[0, : len(name) + 1, shown]
    ax.imshow(p, cmap="Blues", aspect="auto", vmin=0, vmax=1)
    ax.set(title=f"letter that comes next in “{name}”", xticks=range(len(name) + 1))
    ax.set_xticklabels(["·", *name.replace(" ", "_")])
    ax.set_yticks(range(len(shown)), [*"abcdefghijklmnopqrstuvwxyz_", "end"], fontsize=7)
    ax.plot(range(len(name)), ["abcdefghijklmnopqrstuvwxyz ".index(letter) for letter in name], "r.", ms=3)

# %%
# Now the network writes. A letter is drawn from its probabilities, and read as the next one. ``stateful=True`` lets
# the LSTM keep its state between two calls of ``predict``, so it reads one letter at a time. The probabilities are
# taken to the power 1/T: a low temperature T prefers what is likely, a high one tries everything.

writer = network(stateful=True)
writer.build((1,))  # one step
writer.set_weights(model.get_weights())


def write(temperature, rng):
    writer.layers[1].reset_states()
    name, letter = "", "\n"
    while len(name) < 30:
        p = writer.predict(np.array([[vocabulary.index(letter)]]))[0, 0].astype(float) ** (1 / temperature)
        p[:2] = 0  # padding, and unknown letters
        letter = rng.choice(vocabulary, p=p / p.sum())
        if letter == "\n":
            break
        name += letter
    return name


rng = np.random.default_rng(2)
for temperature in (0.3, 0.6, 1.0):
    print(f"T = {temperature}: {', '.join(write(temperature, rng) for _ in range(8))}")

# %%
# ``examples/write_names.py`` counts how many of the names and words are real. :doc:`/sequences` has figures of other
# tasks, symbols to repeat and two numbers among fifty to add, for an LSTM, a GRU and a transformer.
