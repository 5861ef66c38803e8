"""Give numbers to texts with Keras: tests/oracles/keras_text.json.

KERAS_BACKEND=tensorflow python -m tests.oracles.make_keras_text        (Keras 3.15.1, TensorFlow 2.21.0)
"""

import json
from itertools import product
from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("keras_text.json")
WORDS = [
    "the",
    "The",
    "THE",
    "cat",
    "cats",
    "sat",
    "on",
    "mat.",
    "mat",
    "don't",
    "e-mail",
    "$5",
    "(no)",
    "...",
    "naïve",
    "ÄPFEL",
    "äpfel",
    "Straße",
    "日本",
    "語",
    "[UNK]",
    "a",
    "b",
    "ab",
    "aB",
    "x_y",
    "3.5",
    "1,000",
    "½",
    "Ⅷ",
    "_",
    "'",
    '"',
    "@home",
    "#tag",
]
SPACES = [" ", " ", " ", "  ", "\t", "\n", " \r\n", "\x0b", "\u00a0", "\u3000", ""]

TEXT_SETTINGS = [
    *({"standardize": name, "split": split} for name, split in product(
        ("lower_and_strip_punctuation", "lower", "strip_punctuation", None), ("whitespace", "character", None)
    )),
    *({"max_tokens": number} for number in (3, 7, 500)),
    *({"output_sequence_length": number} for number in (1, 4, 40)),
    *({"ngrams": widths} for widths in (1, 2, 3, [2], [1, 3], [3, 1])),
    *({"output_mode": mode} for mode in ("multi_hot", "count", "tf_idf")),
    *({"output_mode": mode, "max_tokens": 9} for mode in ("multi_hot", "count", "tf_idf")),
    *({"output_mode": mode, "max_tokens": 99, "pad_to_max_tokens": True} for mode in ("multi_hot", "count", "tf_idf")),
    *({"output_mode": mode, "split": "character", "ngrams": 2} for mode in ("count", "tf_idf")),
    {"output_mode": "count", "split": None},
    {"vocabulary": ["cat", "the", "mat"]},
    {"vocabulary": ["", "[UNK]", "cat", "the", "mat"]},
    {"vocabulary": ["cat", "the", "mat"], "output_mode": "count"},
    {"vocabulary": ["[UNK]", "cat", "the"], "output_mode": "multi_hot"},
    {"vocabulary": ["cat", "the", "mat"], "output_mode": "tf_idf", "idf_weights": [0.5, 0.1, 2.0]},
    {"vocabulary": ["cat", "the"], "output_mode": "tf_idf", "idf_weights": [0.5, 0.1], "max_tokens": 6}
    | {"pad_to_max_tokens": True},
]  # fmt: skip
STRING_SETTINGS = [
    {},
    {"mask_token": ""},
    {"mask_token": "the", "oov_token": "?"},
    {"max_tokens": 5},
    {"max_tokens": 5, "mask_token": ""},
    *({"output_mode": mode} for mode in ("one_hot", "multi_hot", "count", "tf_idf")),
    *({"output_mode": mode, "mask_token": "the"} for mode in ("one_hot", "multi_hot", "count", "tf_idf")),
    *({"output_mode": mode, "max_tokens": 60, "pad_to_max_tokens": True} for mode in ("one_hot", "count", "tf_idf")),
    {"vocabulary": ["cat", "the", "a"]},
    {"vocabulary": ["cat", "the", "a"], "num_oov_indices": 0},
    {"vocabulary": ["cat", "the", "a"], "num_oov_indices": 0, "output_mode": "count"},
]
INTEGER_SETTINGS = [
    {},
    {"mask_token": 0},
    {"mask_token": 3, "oov_token": -7},
    {"max_tokens": 5},
    *({"output_mode": mode} for mode in ("one_hot", "multi_hot", "count", "tf_idf")),
    *({"output_mode": mode, "mask_token": 3} for mode in ("one_hot", "count")),
    {"vocabulary": [12, 7, 3]},
    {"vocabulary": [-1, 12, 7, 3]},
    {"vocabulary": [12, 7, 3], "num_oov_indices": 0, "output_mode": "multi_hot"},
]


def texts(seed, count):
    """Return random texts."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        words, spaces = rng.choice(WORDS, rng.integers(0, 9)), rng.choice(SPACES, 9)
        made.append("".join(word + space for word, space in zip(words.tolist(), spaces.tolist(), strict=False)))
    return made


def cases():
    """Yield (class, settings, what to adapt to, what to call on) for each case."""
    for number, settings in enumerate(TEXT_SETTINGS):
        yield "TextVectorization", settings, texts(number, 30), texts(1000 + number, 8)
    rng = np.random.default_rng(0)
    for settings in STRING_SETTINGS:
        known = settings.get("num_oov_indices") == 0
        called = rng.choice(settings["vocabulary"] if known else WORDS, (4, 3)).tolist()
        yield "StringLookup", settings, rng.choice(WORDS[:20], 40).tolist(), called
    for settings in INTEGER_SETTINGS:
        known = settings.get("num_oov_indices") == 0
        called = rng.choice(settings["vocabulary"] if known else np.arange(20), (4, 3)).tolist()
        yield "IntegerLookup", settings, rng.integers(0, 12, 40).tolist(), called


def made(module, name, settings, data):
    """Return an object of the class that has its vocabulary."""
    settings = {
        key: tuple(value) if key == "ngrams" and isinstance(value, list) else value for key, value in settings.items()
    }
    layer = getattr(module, name)(**settings)
    if "vocabulary" not in settings:
        layer.adapt(data)
    return layer


def main():
    from keras import layers

    found = []
    for name, settings, data, called in cases():
        layer = made(layers, name, settings, data)
        output = np.asarray(layer(called))
        found.append([[str(token) for token in layer.get_vocabulary()], output.dtype.name, output.tolist()])
    PATH.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{PATH}: {len(found)} cases")


if __name__ == "__main__":
    main()
