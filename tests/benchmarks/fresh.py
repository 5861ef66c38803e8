"""Time new processes: the import alone, and the import with 1,000 epochs on the notebook's circles."""

import importlib.util
import subprocess
import sys

from tests.benchmarks.race import race, ratio, table

DATA = """
import numpy as np
rng = np.random.default_rng(0)
angle, radius = rng.random(300) * 2 * np.pi, np.repeat([0.8, 1.0], 150)
x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32)
y = (radius < 0.9).astype(np.float32)
"""
TRAINED = {
    "minidl": DATA
    + """
from minidl import Sequential
from minidl.layers import Dense, ReLU, Sigmoid
model = Sequential([Dense(10), ReLU(), Dense(5), ReLU(), Dense(1), Sigmoid()], seed=0)
model.fit(x, y, batch_size=300, epochs=1000)
""",
    "torch": DATA
    + """
import torch
from torch import nn
net = nn.Sequential(nn.Linear(2, 10), nn.ReLU(), nn.Linear(10, 5), nn.ReLU(), nn.Linear(5, 1))
optimizer, loss = torch.optim.SGD(net.parameters(), 0.01), nn.BCEWithLogitsLoss()
x, y = torch.tensor(x), torch.tensor(y[:, None])
for _ in range(1000):
    optimizer.zero_grad()
    loss(net(x), y).backward()
    optimizer.step()
""",
    "jax": DATA
    + """
import jax, jax.numpy as jnp
params = [(jnp.asarray(rng.normal(size=s), jnp.float32), jnp.zeros(s[1])) for s in ((2, 10), (10, 5), (5, 1))]
def loss(params, x, y):
    for W, b in params[:-1]:
        x = jax.nn.relu(x @ W + b)
    z = (x @ params[-1][0] + params[-1][1])[:, 0]
    return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))
step = jax.jit(lambda p, x, y: jax.tree_util.tree_map(lambda p, g: p - 0.01 * g, p, jax.grad(loss)(p, x, y)))
for _ in range(1000):
    params = step(params, x, y)
jax.block_until_ready(params)
""",
    "keras": DATA
    + """
import keras
Dense = keras.layers.Dense
model = keras.Sequential([keras.Input((2,)), Dense(10, "relu"), Dense(5, "relu"), Dense(1, "sigmoid")])
model.compile("sgd", "binary_crossentropy")
model.fit(x, y, batch_size=300, epochs=1000, verbose=0)
""",
    "sklearn": DATA
    + """
import warnings
warnings.simplefilter("ignore")
from sklearn.neural_network import MLPClassifier
MLPClassifier((10, 5), solver="sgd", batch_size=300, max_iter=1000, n_iter_no_change=1001).fit(x, y)
""",
}


def processes(scripts):
    """Return a run for each script that starts it in a new interpreter."""

    def run(script):
        return lambda: subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)

    return {name: run(script) for name, script in scripts.items()}


def main(rounds=7):
    imports = processes({"numpy": "import numpy", "minidl": "import minidl"})
    times = race(imports, 3 * rounds)
    print(f"`import minidl` takes {ratio(times, 'minidl', 'numpy'):.2f} times `import numpy`\n")
    installed = {name: script for name, script in TRAINED.items() if importlib.util.find_spec(name)}
    times = race(processes(installed), min(rounds, 3))
    print(table("(h) fresh process to trained circles, 1,000 epochs", times, 1), flush=True)
