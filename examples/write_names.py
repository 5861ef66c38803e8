"""Write names of emoji that do not exist: an LSTM learns which letter comes next, and then writes letter by letter.

python examples/write_names.py [--quick]

The 1,222 names come with Python's `unicodedata`. Ten seconds; two with --quick, which writes worse names.
"""

import argparse
import re
import unicodedata

import numpy as np

from minidl import Sequential
from minidl.layers import LSTM, Dense, Dropout, Embedding, Softmax
from minidl.optimizers import Adam
from minidl.schedules import CosineDecay
from minidl.text import TextVectorization

BLOCKS = ((0x1F300, 0x1F5FF), (0x1F600, 0x1F64F), (0x1F680, 0x1F6FF), (0x1F900, 0x1F9FF), (0x1FA70, 0x1FAFF))
LONGEST = 30
END = "\n"  # comes before the first letter of a name, and after its last

# ---- The names
#
# The network reads END and the letters, and is to answer with the letters and END: at each step with the letter that
# comes next. Short names are padded with the id 0. `mask_zero=True` leaves the padding out of the loss.


def emoji_names():
    """Return the names in lower case that have only letters, spaces and hyphens, in random order."""
    codes = (code for first, last in BLOCKS for code in range(first, last + 1))
    names = {unicodedata.name(chr(code), "").lower() for code in codes}
    fitting = sorted(name for name in names if re.fullmatch(rf"[a-z -]{{1,{LONGEST}}}", name))
    return np.random.default_rng(0).permutation(fitting).tolist()


def network(letters, *, stateful=False):
    """Return a network that gives, after each letter, the probability of every letter to come next."""
    layers = [
        Embedding(letters, 32, mask_zero=True),
        LSTM(96, return_sequences=True, stateful=stateful),
        Dropout(0.3),
        Dense(letters),
        Softmax(),
    ]
    return Sequential(layers, seed=0)


def trained(names, vectorize, epochs):
    """Train the network on all names but the last tenth, and show how well it predicts these."""
    x, y = vectorize([END + name for name in names]), vectorize([name + END for name in names])
    model = network(vectorize.vocabulary_size())
    steps = epochs * (len(names) // 36)  # about: 0.9 of the names, 32 in a batch
    model.compile(Adam(CosineDecay(0.03, steps)), "sparse_categorical_crossentropy")
    history = model.fit(x, y, batch_size=32, epochs=epochs, validation_split=0.1).history
    # exp(loss) is the perplexity: so many equally likely letters would be as hard to guess
    print(f"perplexity of new names: {np.exp(history['val_loss'][0]):.1f} after one epoch, ", end="")
    print(f"{np.exp(history['val_loss'][-1]):.1f} after {epochs}; {vectorize.vocabulary_size() - 2} letters")
    return model


# ---- Writing
#
# A stateful LSTM keeps its state from one call of `predict` to the next. So the network reads one letter at a time and
# needs not read the beginning of the name again.


class Writer:
    """Writes names with the weights of a trained model."""

    def __init__(self, model, vectorize):
        self.vocabulary = vectorize.get_vocabulary()
        self.network = network(len(self.vocabulary), stateful=True)
        self.network.build((1,))  # one step
        self.network.set_weights(model.get_weights())
        self.lstm = self.network.layers[1]

    def probabilities(self, letter):
        """Read a letter; return the probability of each letter to come next."""
        return self.network.predict(np.array([[self.vocabulary.index(letter)]]))[0, 0]

    def write(self, temperature, rng):
        """Return a new name. Probabilities are taken to the power 1 / temperature: a small one makes them surer."""
        self.lstm.reset_states()
        name, letter = "", END
        while len(name) < LONGEST:
            p = self.probabilities(letter).astype(float) ** (1 / temperature)
            p[:2] = 0  # padding and unknown letters
            letter = rng.choice(self.vocabulary, p=p / p.sum())
            if letter == END:
                break
            name += letter
        return name


def largest_difference(model, writer, vectorize, name):
    """Return how much the probabilities differ if the name is read letter by letter and as a whole."""
    writer.lstm.reset_states()
    steps = [writer.probabilities(letter) for letter in END + name]
    whole = model.predict(vectorize([END + name]))[0, : len(steps)]
    return np.abs(whole - steps).max()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two epochs")
    quick = parser.parse_args().quick

    names = emoji_names()
    print(f"{len(names)} names, such as {', '.join(names[:3])}")
    vectorize = TextVectorization(standardize=None, split="character", output_sequence_length=LONGEST + 1)
    vectorize.adapt([name + END for name in names])
    model = trained(names, vectorize, epochs=2 if quick else 16)
    writer = Writer(model, vectorize)
    print(f"letter by letter or as a whole: {largest_difference(model, writer, vectorize, names[0]):.0e} apart\n")

    rng, words = np.random.default_rng(1), set(" ".join(names).split())
    print("temperature  real names  real words  some names")
    for temperature in (0.4, 0.7, 1.0, 1.5):
        written = [writer.write(temperature, rng) for _ in range(20 if quick else 100)]
        real = np.mean([name in names for name in written])
        known = np.mean([word in words for word in " ".join(written).split()])
        new = [name for name in written if name not in names]
        print(f"{temperature:11} {real:11.0%} {known:11.0%}  {', '.join(new[:5])}")


if __name__ == "__main__":
    main()
