"""Batches from generators, and loops that scripts write."""

import math

import numpy as np

from .tables import BENIGN, CULTIVARS, FLOWERS, PATIENTS, PROGRESSION, TUMOURS, WINES


def batches_of_a_dataset_class(keras, weights):
    class WineSequence(keras.utils.PyDataset):
        def __init__(self, x_set, y_set, batch_size, **kwargs):
            super().__init__(**kwargs)
            self.x, self.y = x_set, y_set
            self.batch_size = batch_size
            self.epochs = 0

        def __len__(self):
            return math.ceil(len(self.x) / self.batch_size)

        def __getitem__(self, idx):
            low = idx * self.batch_size
            high = min(low + self.batch_size, len(self.x))
            rows = self.y[low:high]
            return self.x[low:high], keras.utils.to_categorical(rows, 3), np.where(rows == 2, 2.0, 1.0)

        def on_epoch_end(self):
            self.epochs += 1

    train, valid = WineSequence(WINES[:130], CULTIVARS[:130], 20), WineSequence(WINES[130:], CULTIVARS[130:], 20)
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(9, "mish"), keras.layers.Dense(3, "softmax")])
    weights(model)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(train, validation_data=valid, epochs=3, shuffle=False, verbose=0)
    return (
        history.history,
        model.evaluate(valid, verbose=0),
        model.predict(valid, verbose=0),
        train.epochs >= 3,
    )


def generator_with_steps(keras, weights):
    def data_generator(x, y, batch_size):
        while True:
            for start in range(0, len(x), batch_size):
                yield x[start : start + batch_size], y[start : start + batch_size]

    model = keras.Sequential(name="resumed")
    model.add(keras.layers.Input((10,)))
    model.add(keras.layers.Dense(7, activation=keras.activations.relu))
    model.add(keras.layers.Dense(1, activation=keras.activations.exponential))
    weights(model)
    model.compile(loss="poisson", optimizer=keras.optimizers.Adam(0.005, amsgrad=True), metrics=["mae"])
    batch_size = 30
    train_gen = data_generator(PATIENTS[:180], PROGRESSION[:180], batch_size)
    val_gen = data_generator(PATIENTS[180:], PROGRESSION[180:], batch_size)
    steps = {"steps_per_epoch": 180 // batch_size, "validation_data": val_gen, "validation_steps": 60 // batch_size}
    first = model.fit(train_gen, epochs=3, verbose=0, **steps)
    second = model.fit(train_gen, initial_epoch=3, epochs=7, validation_freq=2, verbose=0, **steps)
    score = model.evaluate(data_generator(PATIENTS, PROGRESSION, 40), steps=6, verbose=0)
    predicted = model.predict(data_generator(PATIENTS, PROGRESSION, 40), steps=2, verbose=0)
    return first.history, second.history, second.epoch, score, predicted


def train_on_batch_by_hand(keras, weights):
    model = keras.Sequential([keras.Input((30,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "sigmoid")])
    weights(model)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    lines = []
    for epoch in range(3):
        model.reset_metrics()
        for start in range(0, 200, 50):
            x_batch, y_batch = TUMOURS[start : start + 50], BENIGN[start : start + 50]
            logs = model.train_on_batch(x_batch, y_batch, return_dict=True)
        lines.append((epoch, logs["loss"], logs["accuracy"]))
        model.reset_metrics()
        lines.append(model.test_on_batch(TUMOURS[200:], BENIGN[200:]))
    weighted = model.train_on_batch(TUMOURS[:20], BENIGN[:20], class_weight={0: 2.0, 1: 1.0}, return_dict=True)
    return lines, sorted(weighted), model.predict_on_batch(TUMOURS[:10])


def adversarial_training_with_a_frozen_judge(keras, weights):
    rng = np.random.default_rng(11)
    generator = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(8), keras.layers.LeakyReLU(0.2), keras.layers.Dense(4)], name="generator"
    )
    discriminator = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8), keras.layers.LeakyReLU(0.2), keras.layers.Dense(1, "sigmoid")],
        name="discriminator",
    )
    weights(generator)
    weights(discriminator)
    discriminator.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.002, 0.5))
    discriminator.trainable = False
    gan = keras.Sequential([generator, discriminator])
    gan.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.002, 0.5))
    losses = []
    for step in range(6):
        noise = rng.normal(size=(20, 3)).astype("float32")
        real = FLOWERS[20 * step : 20 * step + 20]
        fake = generator.predict(noise, verbose=0)
        discriminator.trainable = True
        d_loss = discriminator.train_on_batch(np.vstack([real, fake]), np.repeat([1.0, 0.0], 20).reshape(-1, 1))
        discriminator.trainable = False
        g_loss = gan.train_on_batch(noise, np.ones((20, 1)))
        losses.append([float(d_loss), float(g_loss)])
    return losses, generator.get_weights(), discriminator.get_weights(), len(gan.trainable_weights)
