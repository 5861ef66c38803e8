"""Answers to what scripts of Keras write and minidl does otherwise."""

OWN_LAYERS = """a layer made of layers is a keras.Sequential or a keras.Model(inputs, outputs), which is called like a
layer; a formula without weights is keras.layers.Lambda(lambda x: keras.ops.square(x)); other layers are written in
minidl's terms, an equation and its derivative:

    from minidl.layers import Layer

    class Square(Layer):
        def forward(self, x, training=False):
            self.x = x
            return x**2

        def backward(self, dy):  # the derivative of the loss along y
            return 2 * self.x * dy

minidl.check_layer(Square(), x) checks the derivative, and `keras.layers.Core(Square())` puts the layer into a model"""

WRITE_A_MODEL = """minidl derives no Python code of layers, so a model is made of layers:

    x = keras.Input(shape=(4,))
    y = keras.layers.Dense(1)(keras.layers.Dense(8, activation="relu")(x))
    model = keras.Model(inputs=x, outputs=y)"""

# Keras 2's names
FORMER = {
    "fit_generator": "write fit(generator, steps_per_epoch=...)",
    "evaluate_generator": "write evaluate(generator, steps=...)",
    "predict_generator": "write predict(generator, steps=...)",
    "predict_classes": "write predict(x).argmax(axis=-1), or predict(x) > 0.5 for one output",
    "predict_proba": "write predict(x)",
    "to_yaml": "write to_json()",
}
