"""The table of layers, in Keras's columns."""

from xml.etree import ElementTree

import numpy as np

from minidl import Model, Sequential
from minidl._summary import _bytes
from minidl.layers import (
    BatchNormalization,
    Chain,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    ReLU,
    Residual,
    SeparableConv2D,
    Sigmoid,
    Softmax,
)

# Keras 3.15.1 for the same layers has the same title, columns, rows and totals (its table is wider)
EXPECTED = """\
Model: "sequential"
┌─────────────────────┬──────────────┬─────────┐
│ Layer (type)        │ Output Shape │ Param # │
├─────────────────────┼──────────────┼─────────┤
│ dense (Dense)       │ (None, 400)  │   1,200 │
│ re_lu (ReLU)        │ (None, 400)  │       0 │
│ dropout (Dropout)   │ (None, 400)  │       0 │
│ chain (Chain)       │ (None, 5)    │   2,005 │
│ residual (Residual) │ (None, 5)    │      30 │
│ head (Dense)        │ (None, 1)    │       6 │
│ sigmoid (Sigmoid)   │ (None, 1)    │       0 │
└─────────────────────┴──────────────┴─────────┘
 Total params: 3,241 (12.66 KB)
 Trainable params: 3,241 (12.66 KB)
 Non-trainable params: 0 (0.00 B)
"""


def test_the_table(capsys):
    chain = Chain(Dense(5), ReLU())
    layers = [Dense(400), ReLU(), Dropout(0.5), chain, Residual(Dense(5)), Dense(1, name="head"), Sigmoid()]
    model = Sequential(layers)
    model.build((2,))
    model.summary()
    assert capsys.readouterr().out == EXPECTED


def lines(model, shape):
    printed = []
    model.build(shape)
    model.summary(print_fn=printed.append)
    assert len(printed) == 1
    return printed[0].splitlines()


def test_rows_of_several_axes():
    table = lines(Sequential([ReLU(), Flatten(), Dense(1)], name="mine"), (4, 4, 3))
    assert table[0] == 'Model: "mine"'
    assert "(None, 4, 4, 3)" in table[4]
    assert "(None, 48)" in table[5]


def test_a_model_of_one_layer():
    table = lines(Model(Dense(3)), (2,))
    assert table[4].split() == ["│", "model", "(Dense)", "│", "(None,", "3)", "│", "9", "│"]
    assert table[-3] == " Total params: 9 (36.00 B)"


def test_double_precision_takes_twice_the_bytes():
    assert lines(Sequential([Dense(3)], dtype="float64"), (2,))[-3] == " Total params: 9 (72.00 B)"


def test_megabytes():
    # 2,000 x 1,000 + 1,000 numbers of 4 bytes are 8,004,000 bytes, 7.63 times 1024 x 1024
    assert lines(Sequential([Dense(1000)]), (2000,))[-3] == " Total params: 2,001,000 (7.63 MB)"


def test_all_lines_of_the_table_are_as_wide():
    table = lines(Sequential([Dense(123456, name="a_rather_long_name_for_a_layer"), ReLU()]), (7,))
    assert len({len(line) for line in table[1:-3]}) == 1
    assert np.all([line[0] in "┌│├└" for line in table[1:-3]])


def test_what_the_optimiser_remembers_counts_among_all_but_is_not_trained():
    model = Sequential([Dense(3)])
    model.compile("adam")
    model.fit(np.ones((2, 2)), np.ones((2, 3)), verbose=0)
    # Keras 3.15.1 counts as here: 9 weights, m and v for each, the steps done and the learning rate
    assert lines(model, (2,))[-4:] == [
        " Total params: 29 (116.00 B)",
        " Trainable params: 9 (36.00 B)",
        " Non-trainable params: 0 (0.00 B)",
        " Optimizer params: 20 (80.00 B)",
    ]


def test_gigabytes():
    # by hand: 5 x 2^28 numbers of 4 bytes are 5 GB
    assert _bytes(4 * 5 * 2**28) == "5.00 GB"


def test_the_same_table_in_html():
    model = Sequential([Dense(3, name="<head>"), ReLU()], name="a & b")
    model.build((2,))
    html = model._repr_html_()
    cells = [cell.text for cell in ElementTree.fromstring(f"<html>{html.replace('<br>', '<br/>')}</html>").iter("td")]
    assert cells == ["<head> (Dense)", "(None, 3)", "9", "re_lu (ReLU)", "(None, 3)", "0"]
    assert "<caption>Model: a &amp; b</caption>" in html
    assert "<br> Trainable params: 9 (36.00 B)<br>" in html


# Keras 3.15.1 has the same shapes, numbers and totals for the same layers
CONVOLUTIONS = """\
Model: "sequential"
┌───────────────────────────────────────────────────┬────────────────────┬─────────┐
│ Layer (type)                                      │ Output Shape       │ Param # │
├───────────────────────────────────────────────────┼────────────────────┼─────────┤
│ conv2d (Conv2D)                                   │ (None, 64, 64, 32) │     896 │
│ batch_normalization (BatchNormalization)          │ (None, 64, 64, 32) │     128 │
│ re_lu (ReLU)                                      │ (None, 64, 64, 32) │       0 │
│ separable_conv2d (SeparableConv2D)                │ (None, 62, 62, 64) │   2,400 │
│ global_average_pooling2d (GlobalAveragePooling2D) │ (None, 64)         │       0 │
│ dense (Dense)                                     │ (None, 10)         │     650 │
│ softmax (Softmax)                                 │ (None, 10)         │       0 │
└───────────────────────────────────────────────────┴────────────────────┴─────────┘
 Total params: 4,074 (15.91 KB)
 Trainable params: 4,010 (15.66 KB)
 Non-trainable params: 64 (256.00 B)
"""


def convolutions():
    return Sequential(
        [
            *(Conv2D(32, (3, 3), strides=(2, 2), padding="same"), BatchNormalization(), ReLU(), SeparableConv2D(64, 3)),
            *(GlobalAveragePooling2D(), Dense(10), Softmax()),
        ]
    )


def test_the_table_of_a_convolutional_network(capsys):
    model = convolutions()
    model.build((128, 128, 3))
    model.summary()
    assert capsys.readouterr().out == CONVOLUTIONS


def test_a_model_with_state_has_a_table_before_it_is_built(capsys):
    convolutions().summary()
    table = capsys.readouterr().out
    assert table.count("0 (unbuilt)") == 7
    assert " Total params: 0 (0.00 B)" in table
