"""Loops for comparison: the notebook's way of training, and the leanest NumPy loop.

Both train (Linear, ReLU) * (L - 1), Linear, Sigmoid with cross-entropy by full-batch gradient descent.
"""

import numpy as np


def notebook_loop(x, y, kernels, learning_rate, epochs):
    """Train as the notebook does: columns are examples, dictionaries of float64 arrays, clipped probabilities in the
    cost, new arrays at every update."""
    X, Y = np.asarray(x, np.float64).T, np.asarray(y, np.float64).reshape(1, -1)
    depth, m = len(kernels), X.shape[1]
    parameters = {f"W{i + 1}": np.asarray(W, np.float64).T.copy() for i, W in enumerate(kernels)}
    parameters |= {f"b{i + 1}": np.zeros((W.shape[1], 1)) for i, W in enumerate(kernels)}
    costs = []
    for _ in range(epochs):
        A, caches = X, []
        for layer in range(1, depth + 1):
            Z = np.dot(parameters[f"W{layer}"], A) + parameters[f"b{layer}"]
            caches.append((A, Z))
            A = np.maximum(0, Z) if layer < depth else 1 / (1 + np.exp(-Z))
        clipped = np.clip(A, 1e-10, 1 - 1e-10)
        cost = (1 / m) * (-np.dot(Y, np.log(clipped).T) - np.dot(1 - Y, np.log(1 - clipped).T))
        costs.append(float(np.squeeze(cost)))
        dA = -(np.divide(Y, A) - np.divide(1 - Y, 1 - A))
        grads = {}
        for layer in range(depth, 0, -1):
            A_before, Z = caches[layer - 1]
            if layer == depth:
                s = 1 / (1 + np.exp(-Z))
                dZ = dA * s * (1 - s)
            else:
                dZ = np.array(dA, copy=True)
                dZ[Z <= 0] = 0
            grads[f"W{layer}"] = 1 / m * np.dot(dZ, A_before.T)
            grads[f"b{layer}"] = 1 / m * np.sum(dZ, axis=1, keepdims=True)
            dA = np.dot(parameters[f"W{layer}"].T, dZ)
        for name in parameters:
            parameters[name] = parameters[name] - learning_rate * grads[name]
    return costs


def leanest_loop(x, y, kernels, learning_rate, epochs):
    """Compute only the gradient and the update, in float32 on one flat vector, without a cost."""
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32).reshape(-1, 1)
    shapes = [shape for W in kernels for shape in (W.shape, W.shape[1:])]
    sizes = [int(np.prod(shape)) for shape in shapes]
    theta, grad = np.zeros(sum(sizes), np.float32), np.zeros(sum(sizes), np.float32)
    ends = np.cumsum([0, *sizes])
    views = [
        [vector[start:end].reshape(shape) for start, end, shape in zip(ends, ends[1:], shapes, strict=False)]
        for vector in (theta, grad)
    ]
    W, b, dW, db = views[0][::2], views[0][1::2], views[1][::2], views[1][1::2]
    for view, kernel in zip(W, kernels, strict=True):
        view[:] = kernel
    ones, last, scale = np.ones(len(x), np.float32), len(kernels) - 1, 1 / len(x)
    activations = [x] * (last + 1)
    for _ in range(epochs):
        a = x
        for i in range(last):
            a = np.dot(a, W[i])
            a += b[i]
            np.maximum(a, 0, out=a)
            activations[i + 1] = a
        z = np.dot(a, W[last])
        z += b[last]
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        dz = np.divide(1, z, out=z)
        dz -= y
        dz *= scale
        for i in range(last, -1, -1):
            np.dot(activations[i].T, dz, out=dW[i])
            np.dot(ones, dz, out=db[i])
            if i:
                dz = np.dot(dz, W[i].T)
                dz *= activations[i] > 0
        theta -= learning_rate * grad
    return theta
