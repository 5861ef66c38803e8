"""Mistakes in recurrent layers, as people write them: step functions with caches, dictionaries, arrays of all steps.

x is (m, steps, features). A class with wrong="" is right; `wrong` names its mistakes.
"""

from dataclasses import dataclass

import numpy as np

from minidl.initializers import GlorotUniform, Zeros
from minidl.layers import Layer, Parameter, sigmoid

# ---- a simple recurrent layer, step by step, with a list of what each step keeps


@dataclass(eq=False)
class StepRNN(Layer):
    """h_t = tanh(x_t Wx + h_(t-1) Wh + b); y is h of every step, or of the last one.   h_(-1) is a parameter."""

    wrong: str = ""
    units: int = 4
    every: bool = True

    def build(self, input_shape):
        steps, features = input_shape
        self.Wx = Parameter((features, self.units), GlorotUniform())
        self.Wh = Parameter((self.units, self.units), GlorotUniform())
        self.b, self.h0 = Parameter((self.units,), Zeros()), Parameter((self.units,), Zeros())
        return (steps, self.units) if self.every else (self.units,)

    def step(self, x, before):
        after = np.tanh(x @ self.Wx.value + before @ self.Wh.value + self.b.value)
        return after, (x, before, after)

    def forward(self, x, training=False):
        h, caches, states = np.zeros((len(x), self.units), x.dtype) + self.h0.value, [], []
        for t in range(x.shape[1]):
            h, cache = self.step(x[:, t], h)
            caches.append(cache)
            states.append(h)
        self.caches = caches
        return np.stack(states, axis=1) if self.every else h

    def step_back(self, dh, cache, t):
        """dx, dh of the step before, and the parts of this step in the gradients of Wx, Wh and b."""
        wrong, (x, before, after) = self.wrong, cache
        slopes = {
            "slope 1 - h": 1 - after,
            "slope of the sigmoid": after * (1 - after),
            "slope forgotten": 1,
            "slope at h of the step before": 1 - before * before,
        }
        da = dh * slopes.get(wrong, 1 - after * after)
        Wx, Wh = self.Wx.value, self.Wh.value
        dx = da @ (Wx if wrong == "Wx not transposed" else Wx.T)
        below = da @ (Wh if wrong == "Wh not transposed" else Wx.T if wrong == "Wx for Wh" else Wh.T)
        if wrong == "no slope on the way to the step before":
            below = dh @ Wh.T
        state = after if wrong == "dWh with h of this step" else before
        if wrong == "dWx with x of the step before":
            x = self.caches[max(t - 1, 0)][0]
        return dx, below, (x.T @ da, state.T @ da, da.sum(axis=0))

    def backward(self, dy):
        wrong, steps = self.wrong, len(self.caches)
        dx, parts = [None] * steps, [None] * steps
        dnext = np.zeros((len(dy), self.units), dy.dtype)
        for t in range(steps) if wrong == "from the first step on" else reversed(range(steps)):
            own = dy[:, t] if self.every else dy * (t == steps - 1 or wrong == "dy at every step")
            dh = own + dnext
            if wrong == "dy of the last step alone":
                dh = own * (t == steps - 1) + dnext
            if wrong == "dh assigned" and t < steps - 1:
                dh = dnext
            if wrong == "the chain cut at step 3" and t == 2:
                dh = own
            if wrong == "dh of the next step twice":
                dh = own + 2 * dnext
            dx[t], below, parts[t] = self.step_back(dh, self.caches[t], t)
            dnext = {"steps not chained": 0 * below, "dh subtracted": -below}.get(wrong, below)
            if wrong == "dnext added up":
                dnext = below + dh - own
        self.h0.grad = self.initial(dnext, dy)
        self.sum(parts)
        return np.stack(dx[::-1] if wrong == "dx in reverse order" else dx, axis=1)

    def initial(self, dnext, dy):
        return {
            "dh0: forgotten": 0 * dnext[0],
            "dh0: mean": dnext.mean(axis=0),
            "dh0: dy of the first step": dy[:, 0].sum(axis=0) if self.every else 0,
        }.get(self.wrong, dnext.sum(axis=0))

    def sum(self, parts):
        """Set the gradients from the parts of all steps."""
        for name, parameter, of_steps in zip("xhb", (self.Wx, self.Wh, self.b), zip(*parts, strict=True), strict=True):
            name = "db" if name == "b" else f"dW{name}"
            total = sum(of_steps)
            parameter.grad = {
                f"{name}: last step": of_steps[-1],
                f"{name}: first step": of_steps[0],
                f"{name}: without the last step": total - of_steps[-1],
                f"{name}: without the first step": total - of_steps[0],
                f"{name}: mean over steps": total / len(of_steps),
                f"{name}: mean over rows and steps": total / (len(of_steps) * len(self.caches[0][0])),
                f"{name}: transposed": total.T,
                f"{name}: step 2 twice": total + of_steps[2],
            }.get(self.wrong, total)


# ---- the same with dictionaries of steps, truncated


@dataclass(eq=False)
class TruncatedRNN(Layer):
    """h_t = tanh(x_t U + h_(t-1) W), y_t = h_t V. Every output is followed back on its own."""

    wrong: str = ""
    units: int = 4
    outputs: int = 2
    cell: bool = False

    def build(self, input_shape):
        steps, features = input_shape
        self.U = Parameter((features, self.units), GlorotUniform())
        self.W = Parameter((self.units, self.units), GlorotUniform())
        self.V = Parameter((self.units, self.outputs), GlorotUniform())
        return (steps, self.outputs)

    def forward(self, x, training=False):
        xs, hs, ys = {}, {-1: np.zeros((len(x), self.units), x.dtype)}, {}
        for t in range(x.shape[1]):
            xs[t] = x[:, t]
            hs[t] = np.tanh(np.dot(xs[t], self.U.value) + np.dot(hs[t - 1], self.W.value))
            ys[t] = np.dot(hs[t], self.V.value)
        self.x, self.hs = x, hs
        return np.stack([ys[t] for t in range(x.shape[1])], axis=1)

    def backward(self, dy):
        wrong, hs, back = self.wrong, self.hs, {"2 steps back": 2, "3 steps back": 3, "no step back": 1}
        dU, dW, dV = (np.zeros_like(p.value) for p in (self.U, self.W, self.V))
        dx = np.zeros_like(self.x)
        for t in range(dy.shape[1]):
            dV += hs[t].T @ dy[:, t]
            delta = dy[:, t] @ self.V.value.T * (1 - hs[t] ** 2)
            for s in range(t, max(t - back.get(wrong, t + 1), -1), -1):
                dU += self.x[:, s].T @ delta
                dW += hs[s - 1].T @ delta
                if wrong == "dx at the step of the output":
                    dx[:, t] += delta @ self.U.value.T
                else:
                    dx[:, s] += delta @ self.U.value.T
                slope = 1 - hs[s if wrong == "slope of one step too late" else s - 1] ** 2
                delta = delta @ self.W.value.T * slope
        if wrong == "dV: last step":
            dV = hs[dy.shape[1] - 1].T @ dy[:, -1]
        if wrong == "dV with h of the step before":
            dV = sum(hs[t - 1].T @ dy[:, t] for t in range(dy.shape[1]))
        self.U.grad, self.W.grad, self.V.grad = dU, dW, dV
        return dx


# ---- LSTM: gates side by side in one array, states in arrays of all steps


@dataclass(eq=False)
class ArrayLSTM(Layer):
    """a = x_t Wx + h_(t-1) Wh + b in blocks i, f, o, g; c_t = f c_(t-1) + i g, h_t = o tanh(c_t).

    real  True: it keeps its states in arrays of float64, so that the complex step cannot be used
    """

    wrong: str = ""
    units: int = 3
    real: bool = False

    def build(self, input_shape):
        steps, features = input_shape
        self.Wx = Parameter((features, 4 * self.units), GlorotUniform())
        self.Wh = Parameter((self.units, 4 * self.units), GlorotUniform())
        self.b = Parameter((4 * self.units,), Zeros())
        return (steps, self.units)

    def forward(self, x, training=False):
        m, steps, H = len(x), x.shape[1], self.units
        hs, cs = np.zeros((m, steps + 1, H), self.kind(x)), np.zeros((m, steps + 1, H), self.kind(x))
        gates = np.zeros((m, steps, 4 * H), self.kind(x))
        for t in range(steps):
            a = x[:, t] @ self.Wx.value + hs[:, t] @ self.Wh.value + self.b.value
            i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 2 * H : 3 * H])
            g = np.tanh(a[:, 3 * H :])
            cs[:, t + 1] = f * cs[:, t] + i * g
            hs[:, t + 1] = o * np.tanh(cs[:, t + 1])
            gates[:, t] = np.hstack([i, f, o, g])
        self.x, self.hs, self.cs, self.gates = x, hs, cs, gates
        return hs[:, 1:].copy()

    def kind(self, x):
        return x.real.dtype if self.real else x.dtype

    def backward(self, dy):
        wrong, m, steps, H = self.wrong, len(dy), dy.shape[1], self.units
        dWx, dWh, db = (np.zeros_like(p.value) for p in (self.Wx, self.Wh, self.b))
        dx, dh, dc = np.zeros_like(self.x), np.zeros((m, H), dy.dtype), np.zeros((m, H), dy.dtype)
        for t in reversed(range(steps)):
            i, f, o, g = np.split(self.gates[:, t], 4, axis=1)
            c, before = self.cs[:, t + 1], self.cs[:, t]
            s = np.tanh(c)
            dh = dy[:, t] if wrong == "h not chained" else dy[:, t] + dh
            through = {
                "tanh of the cell: slope forgotten": dh * o,
                "tanh of the cell: slope at c": dh * o * (1 - c * c),
                "tanh of the cell: slope of the sigmoid": dh * o * s * (1 - s),
                "o left out on the way to the cell": dh * (1 - s * s),
            }.get(wrong, dh * o * (1 - s * s))
            dc = through if wrong == "c not chained" else dc + through
            if wrong == "c subtracted":
                dc = 2 * through - dc
            do, di, df, dg = dh * s, dc * g, dc * before, dc * i
            if wrong == "df with c of this step":
                df = dc * c
            if wrong == "di with i":
                di = dc * i
            if wrong == "do with c":
                do = dh * c
            if wrong == "dg with g":
                dg = dc * g
            parts = {
                "i": di * i * (1 - i),
                "f": df * f * (1 - f),
                "o": do * o * (1 - o),
                "g": dg * (1 - g * g),
            }
            da = np.hstack(self.changed(parts, {"i": i, "f": f, "o": o, "g": g}, (di, df, do, dg)))
            dWx += self.x[:, t].T @ da
            dWh += (self.hs[:, t + 1] if wrong == "dWh with h of this step" else self.hs[:, t]).T @ da
            db += da.sum(axis=0)
            dx[:, t] = da @ self.Wx.value.T
            dh = da @ self.Wh.value.T
            dc = dc if wrong == "f left out of the chain" else dc * f
            if wrong == "i for f in the chain":
                dc = dc / f * i
            if wrong == "f of the step before in the chain":
                dc = dc / f * np.split(self.gates[:, max(t - 1, 0)], 4, axis=1)[1]
        last, n = (
            self.hs[:, steps - 1].T @ da,
            {"db: mean over rows and steps": m * steps, "db: mean over steps": steps},
        )
        self.Wx.grad, self.Wh.grad = dWx, last if wrong == "dWh: h of the last step" else dWh
        self.b.grad = db / n.get(wrong, 1)
        if wrong == "db: first step":
            self.b.grad = da.sum(axis=0)
        return dx

    def changed(self, parts, gates, slopes):
        """The parts of da in the order i, f, o, g, with a mistake in one or two of them."""
        wrong = self.wrong
        for name, slope in zip("ifog", slopes, strict=True):
            gate = gates[name]
            parts[name] = {
                f"{name}: slope forgotten": slope,
                f"{name}: sign": -parts[name],
                f"{name}: slope of the other kind": slope * (gate * (1 - gate) if name == "g" else 1 - gate * gate),
                f"{name}: zero": 0 * slope,
                f"{name}: slope without the gate": slope * (1 - gate),
            }.get(wrong, parts[name])
        orders = {"i and f exchanged": "fiog", "o and g exchanged": "ifgo", "in the order i, f, g, o, then": "goif"}
        return [parts[name] for name in orders.get(wrong, "ifog")]


# ---- GRU: six matrices


@dataclass(eq=False)
class MatrixGRU(Layer):
    """z = s(x Wz + h Uz), r = s(x Wr + h Ur), n = tanh(x Wn + (r h) Un), h_t = (1 - z) n + z h_(t-1)."""

    wrong: str = ""
    units: int = 3
    every: bool = True

    def build(self, input_shape):
        steps, features = input_shape
        for name in ("z", "r", "n"):
            setattr(self, f"W{name}", Parameter((features, self.units), GlorotUniform()))
            setattr(self, f"U{name}", Parameter((self.units, self.units), GlorotUniform()))
            setattr(self, f"b{name}", Parameter((self.units,), Zeros()))
        return (steps, self.units) if self.every else (self.units,)

    def forward(self, x, training=False):
        hs, kept = [np.zeros((len(x), self.units), x.dtype)], []
        for t in range(x.shape[1]):
            before, u = hs[-1], x[:, t]
            z = sigmoid(u @ self.Wz.value + before @ self.Uz.value + self.bz.value)
            r = sigmoid(u @ self.Wr.value + before @ self.Ur.value + self.br.value)
            n = np.tanh(u @ self.Wn.value + (r * before) @ self.Un.value + self.bn.value)
            hs.append((1 - z) * n + z * before)
            kept.append((u, before, z, r, n))
        self.kept = kept
        return np.stack(hs[1:], axis=1) if self.every else hs[-1]

    def backward(self, dy):
        steps, wrong = len(self.kept), self.wrong
        grads = {name: [] for name in ("Wz", "Uz", "bz", "Wr", "Ur", "br", "Wn", "Un", "bn")}
        dx, dh = [], np.zeros((len(dy), self.units), dy.dtype)
        for t in reversed(range(steps)):
            dh = dh + (dy[:, t] if self.every else dy * (t == steps - 1))
            u, before, z, r, n = self.kept[t]
            dn, dz = dh * (1 - z), dh * (n - before if wrong == "dz: sign" else before - n)
            if wrong == "z and 1 - z exchanged":
                dn = dh * z
            dan = dn * {"slope of n: sigmoid": n * (1 - n), "slope of n forgotten": 1}.get(wrong, 1 - n * n)
            drh = dan @ (self.Un.value if wrong == "Un not transposed" else self.Un.value.T)
            dr = drh * (self.kept[max(t - 1, 0)][1] if wrong == "dr with h of two steps before" else before)
            dar = dr * {"slope of r: tanh": 1 - r * r, "slope of r forgotten": 1}.get(wrong, r * (1 - r))
            daz = dz * {"slope of z: tanh": 1 - z * z, "slope of z forgotten": 1}.get(wrong, z * (1 - z))
            state = before if wrong == "dUn without r" else r * before
            for name, a, h in (("z", daz, before), ("r", dar, before), ("n", dan, state)):
                grads[f"W{name}"].append(u.T @ a)
                grads[f"U{name}"].append(h.T @ a)
                grads[f"b{name}"].append(a.sum(axis=0))
            dx.append(daz @ self.Wz.value.T + dar @ self.Wr.value.T + dan @ self.Wn.value.T)
            dh = self.to_step_before(dh, daz, dar, drh, z, r)
        exchanged = {"Wz and Wr exchanged": ("Wz", "Wr"), "Uz and Ur exchanged": ("Uz", "Ur")}.get(wrong, ())
        for name, parts in grads.items():
            total = sum(grads[next(n for n in exchanged if n != name)] if name in exchanged else parts)
            total = parts[0] if wrong == f"d{name}: last step" else total
            getattr(self, name).grad = total / (steps if wrong == f"d{name}: mean over steps" else 1)
        return np.stack(dx[::-1], axis=1)

    def to_step_before(self, dh, daz, dar, drh, z, r):
        Uz, Ur = self.Uz.value, self.Ur.value
        ways = {"z": daz @ Uz.T, "r": dar @ Ur.T, "n": drh * r, "h": dh * z}
        ways = ways | {
            "direct way of h with 1 - z": {"h": dh * (1 - z)},
            "r left out on the way of n": {"n": drh},
            "Uz not transposed": {"z": daz @ Uz},
            "Uz and Ur exchanged in the chain": {"z": daz @ Ur.T, "r": dar @ Uz.T},
            "steps not chained": dict.fromkeys("zrnh", 0),
        }.get(self.wrong, {})
        return sum(way for name, way in ways.items() if self.wrong != f"way of {name} forgotten")


# ---- a backward pass through a layer that runs from both ends, and a leaky mean


@dataclass(eq=False)
class BothWays(Layer):
    """y_t = [a_t, b_t]: a_t = tanh(x_t U + a_(t-1) W), b the same from the last step on, with matrices of its own."""

    wrong: str = ""
    units: int = 2

    def build(self, input_shape):
        steps, features = input_shape
        self.U1, self.U2 = (Parameter((features, self.units), GlorotUniform()) for _ in range(2))
        self.W1, self.W2 = (Parameter((self.units, self.units), GlorotUniform()) for _ in range(2))
        return (steps, 2 * self.units)

    def one_way(self, x, U, W):
        h, hs = np.zeros((len(x), self.units), x.dtype), []
        for t in range(x.shape[1]):
            h = np.tanh(x[:, t] @ U.value + h @ W.value)
            hs.append(h)
        return np.stack(hs, axis=1)

    def forward(self, x, training=False):
        a, b = self.one_way(x, self.U1, self.W1), self.one_way(x[:, ::-1], self.U2, self.W2)
        self.x, self.a, self.b = x, a, b
        return np.concatenate([a, b[:, ::-1]], axis=2)

    def back(self, x, h, dy, U, W):
        dx, dnext = np.zeros_like(x), 0
        U.grad, W.grad = 0, 0
        for t in reversed(range(x.shape[1])):
            da = (dy[:, t] + dnext) * (1 - h[:, t] ** 2)
            U.grad += x[:, t].T @ da
            W.grad += h[:, t - 1].T @ da if t else 0
            dx[:, t], dnext = da @ U.value.T, da @ W.value.T
        return dx

    def backward(self, dy):
        wrong, n = self.wrong, self.units
        da, db = dy[:, :, :n], dy[:, ::-1, n:]
        if wrong == "halves of dy exchanged":
            da, db = dy[:, :, n:], dy[:, ::-1, :n]
        if wrong == "dy not reversed":
            db = dy[:, :, n:]
        forwards = self.back(self.x, self.a, da, self.U1, self.W1)
        backwards = self.back(self.x[:, ::-1], self.b, db, self.U2, self.W2)
        backwards = backwards if wrong == "dx not reversed" else backwards[:, ::-1]
        ways = {"way back forgotten": forwards, "way forth forgotten": backwards}
        return ways.get(wrong, forwards + backwards) / (2 if wrong == "mean of both ways" else 1)


@dataclass(eq=False)
class LeakyMean(Layer):
    """h_t = s(p) h_(t-1) + (1 - s(p)) x_t, with one p for every feature, s the sigmoid."""

    wrong: str = ""

    def build(self, input_shape):
        self.p = Parameter(input_shape[-1:], Zeros())
        return input_shape

    def forward(self, x, training=False):
        keep = sigmoid(self.p.value)
        y = np.empty_like(x)
        h = np.zeros_like(x[:, 0])
        for t in range(x.shape[1]):
            h = keep * h + (1 - keep) * x[:, t]
            y[:, t] = h
        self.x, self.y, self.keep = x, y, keep
        return y

    def backward(self, dy):
        wrong, keep, dx, dkeep, dh = self.wrong, self.keep, np.zeros_like(dy), 0, 0
        for t in reversed(range(dy.shape[1])):
            dh = dy[:, t] if wrong == "steps not chained" else dy[:, t] + dh
            dx[:, t] = dh * (1 - keep)
            before = self.y[:, t - 1] if t else 0 * self.x[:, 0]
            ways = {"dp: x forgotten": before, "dp: h forgotten": -self.x[:, t]}
            dkeep += (dh * ways.get(wrong, before - self.x[:, t])).sum(axis=0)
            dh = {"1 - keep in the chain": dh * (1 - keep), "keep left out of the chain": dh}.get(wrong, dh * keep)
        slope = {"dp: slope forgotten": 1, "dp: tanh for sigmoid": 1 - keep**2}.get(wrong, keep * (1 - keep))
        self.p.grad = dkeep * slope / (len(dy) if wrong == "dp: mean over rows" else 1)
        return dx


RIGHT_RECURRENT_LAYERS = [
    (StepRNN(), (6, 3)),
    (StepRNN(every=False), (6, 3)),
    (TruncatedRNN(), (6, 3)),
    (ArrayLSTM(), (5, 4)),
    (ArrayLSTM(real=True), (3, 2)),
    (MatrixGRU(), (5, 4)),
    (MatrixGRU(every=False), (5, 4)),
    (BothWays(), (6, 3)),
    (LeakyMean(), (6, 3)),
]
