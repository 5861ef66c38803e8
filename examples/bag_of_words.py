"""Which library does a sentence come from? A bag of embeddings beside scikit-learn's logistic regression.

python examples/bag_of_words.py [--quick]

The texts are sentences from the documentation of four libraries that are installed with minidl. Each word of a sentence
has a vector that is learned; their mean is the input of a classifier (fastText: Joulin et al. 2016). The rival weighs
the words by tf-idf. Twenty seconds, or some seconds with --quick, which repeats nothing.
"""

import argparse
import inspect
import re
from importlib import import_module

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from minidl import Sequential
from minidl.callbacks import EarlyStopping
from minidl.layers import Dense, Dropout, Embedding, GlobalAveragePooling1D, Softmax
from minidl.optimizers import Adam
from minidl.text import TextVectorization

MODULES = {
    "matplotlib": "matplotlib.axes matplotlib.figure matplotlib.lines matplotlib.patches matplotlib.pyplot",
    "numpy": "numpy numpy.fft numpy.linalg numpy.ma numpy.strings",
    "scikit-learn": "sklearn.cluster sklearn.datasets sklearn.decomposition sklearn.ensemble sklearn.linear_model "
    "sklearn.metrics sklearn.model_selection sklearn.neighbors sklearn.preprocessing",
    "scipy": "scipy.interpolate scipy.linalg scipy.ndimage scipy.optimize scipy.signal scipy.sparse scipy.special",
}
LIBRARIES = list(MODULES)

# ---- The texts
#
# A docstring begins with sentences, followed by a list of parameters. Names in backquotes would give the library away,
# so they are left out; so are sentences that two libraries share.


def sentences(library):
    """Return the sentences at the beginning of the docstrings of a library, in the order of the alphabet."""
    found = set()
    for module in map(import_module, MODULES[library].split()):
        for name, thing in vars(module).items():
            members = vars(thing).values() if inspect.isclass(thing) else []
            for member in (thing, *members):
                if callable(member) and not name.startswith("_"):
                    found |= set(split(inspect.getdoc(member) or ""))
    return sorted(found)


def split(docstring):
    """Return the sentences before the parameters, without code, if they have 5 to 40 words."""
    prose = re.split(r"\n *(Parameters|Returns|Attributes|Examples|Notes|Call signature)", docstring)[0]
    prose = re.sub(r"``.*?``|`.*?`|:\w+:|\.\. .*", "", prose)
    whole = (" ".join(sentence.split()) for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])|\n\n", prose))
    return [sentence for sentence in whole if 5 <= len(sentence.split()) <= 40]


def collected():
    """Return all sentences and the number of the library of each."""
    found = [sentences(library) for library in LIBRARIES]
    texts = np.concatenate(found)
    labels = np.repeat(np.arange(len(found)), [len(part) for part in found])
    _, first, count = np.unique(texts, return_index=True, return_counts=True)
    alone = first[count == 1]
    return texts[alone], labels[alone]


# ---- The two classifiers


def bag_of_embeddings(texts, labels, test_texts, test_labels, seed):
    """Train the mean of word vectors and a dense layer; return the network, the vocabulary and the test accuracy."""
    vectorize = TextVectorization(output_sequence_length=40)
    vectorize.adapt(texts)
    model = Sequential(
        [
            Embedding(vectorize.vocabulary_size(), 64, mask_zero=True),  # id 0 is padding: the mean leaves it out
            GlobalAveragePooling1D(),
            Dropout(0.5),
            Dense(len(LIBRARIES)),
            Softmax(),
        ],
        seed=seed,
    )
    model.compile(Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    # 0.1 of the training sentences, in random order, decide when to stop
    order = np.random.default_rng(seed).permutation(len(texts))
    stopping = EarlyStopping(patience=2, restore_best_weights=True)
    x, y = vectorize(texts)[order], labels[order]
    model.fit(x, y, batch_size=64, epochs=20, validation_split=0.1, callbacks=[stopping])
    return model, vectorize, model.evaluate(vectorize(test_texts), test_labels)[1]


def logistic_regression(texts, labels, test_texts, test_labels):
    """Return the test accuracy of scikit-learn's logistic regression on tf-idf weights."""
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10, max_iter=1000))
    return pipeline.fit(texts, labels).score(test_texts, test_labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one split of the sentences, not five")
    repeats = 1 if parser.parse_args().quick else 5
    texts, labels = collected()
    counts = ", ".join(f"{name} {count}" for name, count in zip(LIBRARIES, np.bincount(labels), strict=True))
    print(f"{len(texts)} sentences: {counts}")

    found = []
    for seed in range(repeats):
        split_up = train_test_split(texts, labels, test_size=0.25, stratify=labels, random_state=seed)
        train_texts, test_texts, train_labels, test_labels = split_up
        data = (train_texts, train_labels, test_texts, test_labels)
        model, vectorize, accuracy = bag_of_embeddings(*data, seed)
        found.append((np.bincount(test_labels).max() / len(test_labels), logistic_regression(*data), accuracy))
    print(f"test accuracy, mean of {repeats} splits (standard deviation)")
    names = ("most frequent class", "logistic regression", "bag of embeddings")
    for name, values in zip(names, np.transpose(found), strict=True):
        print(f"  {name:20s} {values.mean():.3f} ({values.std():.3f})")

    # ---- What the words say
    #
    # The classifier is linear in the mean, so a single word has logits, too: those of a sentence of this word alone.
    words = vectorize.get_vocabulary()[2:1000]
    p = model.predict(vectorize(words))
    for number, name in enumerate(LIBRARIES):
        print(f"{name}: {', '.join(words[n] for n in np.argsort(-p[:, number])[:8])}")
    for sentence in ("Draw a line between two points.", "Return the eigenvalues of a matrix.", "Fit the classifier."):
        chances = model.predict(vectorize([sentence]))[0]
        print(f"{sentence} {LIBRARIES[chances.argmax()]} ({chances.max():.2f})")


if __name__ == "__main__":
    main()
