"""The Laplace approximation, where it is exact: Bayesian linear regression as scikit-learn computes it."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct
from sklearn.linear_model import BayesianRidge

from minidl import Sequential, SettingError, ShapeError, curvature
from minidl.datasets import circles
from minidl.errors import DataError
from minidl.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from minidl.losses import BinaryCrossentropy, Huber, MeanSquaredError
from minidl.optimizers import LBFGS, Adam
from minidl.uncertainty import laplace


def linear(x, theta, **settings):
    model = Sequential([Dense(1, **settings)], dtype="float64")
    model.compile(loss=MeanSquaredError())
    model.build(x.shape[1:])
    model.params.theta[:] = theta
    return model


def numbers(rows=60, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, (rows, 1))
    return x, np.sin(2 * x) + 0.2 * rng.standard_normal((rows, 1))


def network(outputs=1, last=(), seed=0, **options):
    return Sequential([Dense(8), Tanh(), Dense(outputs), *last], seed=seed, dtype="float64", **options)


@pytest.fixture(scope="module")
def regression():
    x, y = numbers()
    model = network()
    model.compile(LBFGS(), loss=MeanSquaredError())
    model.fit(x, y, epochs=100, verbose=0)
    return model, x, y


@pytest.fixture(scope="module")
def classifier():
    x, y = circles(80, noise=0.2, seed=0)
    model = network(1, [Sigmoid()])
    model.compile(Adam(0.02), loss=BinaryCrossentropy())
    model.fit(x, y, epochs=60, verbose=0)
    return model, x, y


@pytest.mark.parametrize("layers", ["last", "all"])
def test_a_linear_model_is_scikit_learns_bayesian_ridge(layers):
    x, y = load_diabetes(return_X_y=True)
    x, y = x / x.std(axis=0), (y - y.mean()) / y.std()
    flat = {"alpha_1": 0, "alpha_2": 0, "lambda_1": 0, "lambda_2": 0, "fit_intercept": False}
    ridge = BayesianRidge(**flat, tol=1e-10, max_iter=1000, compute_score=True).fit(x, y)  # scikit-learn 1.9.1
    posterior = laplace(linear(x, ridge.coef_, use_bias=False), x, y, layers=layers)
    assert posterior.noise**-2 == pytest.approx(ridge.alpha_, rel=1e-8)
    assert posterior.prior_precision == pytest.approx(ridge.lambda_, rel=1e-8)
    assert posterior.log_marginal_likelihood == pytest.approx(ridge.scores_[-1], rel=1e-9)
    for ours, theirs in zip(posterior.predict(x, return_std=True), ridge.predict(x, return_std=True), strict=True):
        assert ours[:, 0] == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("layers", ["last", "all"])
def test_a_linear_model_with_bias_is_a_gaussian_process(layers):
    rng = np.random.default_rng(0)
    x, new = rng.normal(size=(30, 3)), rng.normal(size=(10, 3))
    y = x @ [1.0, -2.0, 0.5] + 0.7 + 0.3 * rng.standard_normal(30)
    process = GaussianProcessRegressor(DotProduct(1.0, "fixed"), alpha=0.09, optimizer=None).fit(x, y)
    ones = np.hstack([x, np.ones((30, 1))])
    theta = np.linalg.solve(ones.T @ ones / 0.09 + np.eye(4), ones.T @ y / 0.09)  # its posterior mean
    posterior = laplace(linear(x, theta), x, y, layers=layers, prior_precision=1.0, noise=0.3)
    mean, std = process.predict(new, return_std=True)
    assert posterior.predict(new)[:, 0] == pytest.approx(mean, rel=1e-9)
    assert posterior.moments(new).variance[:, 0] == pytest.approx(std**2, rel=1e-9)
    low, high = posterior.predict_interval(new, 0.95)
    assert (high - low)[:, 0] / 2 == pytest.approx(1.959963984540054 * np.sqrt(std**2 + 0.09), rel=1e-9)


def test_all_layers_are_a_normal_distribution_around_the_trained_weights(regression):
    """J by central differences, the covariance by the formula."""
    model, x, y = regression
    posterior = laplace(model, x, y, layers="all", prior_precision=2.0, noise=0.5)
    J, theta = np.empty((60, 25)), model.params.theta.copy()
    probe = model.copy()
    for i in range(25):
        ends = []
        for step in (1e-5, -1e-5):
            probe.params.theta[:] = theta
            probe.params.theta[i] += step
            ends.append(probe.predict(x)[:, 0])
        J[:, i] = (ends[0] - ends[1]) / 2e-5
    covariance = np.linalg.inv(J.T @ J / 0.25 + 2 * np.eye(25))
    expected = np.einsum("ij,jk,ik->i", J, covariance, J)
    assert posterior.moments(x).variance[:, 0] == pytest.approx(expected, rel=1e-6)
    diagonal = laplace(model, x, y, layers="all", matrix="diagonal", prior_precision=2.0, noise=0.5)
    expected = J**2 @ (1 / ((J**2).sum(axis=0) / 0.25 + 2))
    assert diagonal.moments(x).variance[:, 0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("last", [Softmax(), Sigmoid()], ids=repr)
def test_the_matrix_of_classes_is_the_gauss_newton_matrix_of_curvature(last):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)), np.eye(3)[rng.integers(0, 3, 30)]
    model = network(3, [last])
    model.compile(Adam(0.01), loss=None)
    model.fit(x, y, epochs=5, verbose=0)
    G = curvature.hessian(model, x, y, matrix="gauss_newton", training=False)
    rows = 30 * (3 if isinstance(last, Sigmoid) else 1)  # that loss is a mean over rows and outputs
    posterior = laplace(model, x, y, layers="all", prior_precision=1.0)
    assert posterior.eigenvalues == pytest.approx(np.linalg.eigvalsh(rows * G), abs=1e-10)
    log_likelihood = -rows * model.evaluate(x, y)
    theta = model.params.theta
    volume = np.linalg.slogdet(rows * G + np.eye(len(G)))[1]
    expected = log_likelihood - (theta @ theta + volume) / 2
    assert posterior.log_marginal_likelihood == pytest.approx(expected, rel=1e-9)


def test_the_prior_has_the_largest_marginal_likelihood(classifier):
    model, x, y = classifier
    found = laplace(model, x, y)
    for factor in (0.8, 1.25):
        other = laplace(model, x, y, prior_precision=factor * found.prior_precision)
        assert other.log_marginal_likelihood < found.log_marginal_likelihood
    assert 0 < found.effective_parameters < 9


def test_noise_and_prior_of_a_network_have_the_largest_marginal_likelihood(regression):
    model, x, y = regression
    found = laplace(model, x, y, layers="all")
    assert found.noise == pytest.approx(0.2, rel=0.2)
    for prior, noise in ((0.8, 1), (1.25, 1), (1, 0.9), (1, 1.1)):
        near = {"prior_precision": prior * found.prior_precision, "noise": noise * found.noise}
        assert laplace(model, x, y, layers="all", **near).log_marginal_likelihood < found.log_marginal_likelihood


def test_intervals_are_wider_away_from_the_data(regression):
    model, x, y = regression
    for layers in ("last", "all"):
        std = laplace(model, x, y, layers=layers).predict([[0.0], [6.0]], return_std=True)[1]
        assert std[1] > 2 * std[0]


def test_probabilities_are_the_probit_approximation(classifier):
    model, x, y = classifier
    posterior = laplace(model, x, y, layers="all")
    z, variance = posterior.moments(x)
    # the mean of sigmoid under N(z, variance), by Gauss-Hermite quadrature
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    sampled = 1 / (1 + np.exp(-(z + np.sqrt(variance) * nodes)))
    expected = sampled @ weights / weights.sum()
    p = posterior.predict(x)
    assert p[:, 0] == pytest.approx(expected, abs=0.02)
    certain = model.predict(x)
    assert (np.abs(p - 0.5) < np.abs(certain - 0.5)).all()
    assert np.array_equal(p > 0.5, certain > 0.5)


def test_layers_of_other_kinds_and_float32():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 6, 6, 1)), rng.normal(size=(20, 2))
    model = Sequential([Conv2D(2, 3), BatchNormalization(), ReLU(), Flatten(), Dense(2)], seed=0)
    model.compile(Adam(0.01), loss=MeanSquaredError())
    model.fit(x, y, epochs=3, verbose=0)
    weights = model.params.theta.copy()
    for layers in ("last", "all"):
        mean, std = laplace(model, x, y, layers=layers).predict(x, return_std=True)
        assert mean == pytest.approx(model.predict(x), abs=1e-5)
        assert (std > 0).all()
    assert np.array_equal(model.params.theta, weights)


def test_calibrated_intervals_contain_their_share_of_rows_with_heavy_tails():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 2))
    y = x @ [1.0, 2.0] + rng.standard_t(2, 3000)
    model = linear(x, [1, 2, 0])
    posterior = laplace(model, x[:500], y[:500])
    calibrated = posterior.calibrate(x[500:1500], y[500:1500])
    for level in (0.8, 0.9, 0.95):
        low, high = calibrated.predict_interval(x[1500:], level)
        inside = ((low[:, 0] <= y[1500:]) & (y[1500:] <= high[:, 0])).mean()
        assert inside == pytest.approx(level, abs=0.025)
    low, high = posterior.predict_interval(x[1500:], 0.8)
    assert ((low[:, 0] <= y[1500:]) & (y[1500:] <= high[:, 0])).mean() > 0.85  # normal noise: too wide


def test_calibration_with_too_few_rows_is_refused(regression):
    model, x, y = regression
    calibrated = laplace(model, x, y).calibrate(x[:8], y[:8])
    calibrated.predict_interval(x, 0.8)
    with pytest.raises(DataError, match=r"level 0\.9 needs at least 9 rows in calibrate, got 8"):
        calibrated.predict_interval(x, 0.9)


def test_errors_say_what_to_do(regression, classifier):
    model, x, y = regression
    classes, xc, yc = classifier
    posterior = laplace(model, x, y)
    with pytest.raises(SettingError, match="the model has no classes; use predict"):
        posterior.predict_proba(x)
    with pytest.raises(SettingError, match="the model has classes; use predict_proba"):
        laplace(classes, xc, yc).predict_interval(xc)
    with pytest.raises(SettingError, match="have no standard deviation"):
        laplace(classes, xc, yc).predict(xc, return_std=True)
    with pytest.raises(SettingError, match="noise is that of numbers"):
        laplace(classes, xc, yc, noise=1.0)
    with pytest.raises(SettingError, match="layers must be one of"):
        laplace(model, x, y, layers="first")
    with pytest.raises(ShapeError, match="laplace"):
        posterior.predict(np.zeros((3, 2)))
    huber = network()
    huber.compile(loss=Huber())
    huber.fit(x, y, verbose=0)
    with pytest.raises(SettingError, match="is no squared error"):
        laplace(huber, x, y)
    open_ended = Sequential([Dense(3), Tanh()], seed=0)
    open_ended.compile(loss=MeanSquaredError())
    with pytest.raises(SettingError, match="needs a Dense layer before the loss"):
        laplace(open_ended, x, np.zeros((60, 3)))
    wide = Sequential([Dense(2000), ReLU(), Dense(1)], seed=0)
    wide.compile(loss=MeanSquaredError())
    with pytest.raises(SettingError, match=r"6001 parameters, at most 5000 .* or layers='last'"):
        laplace(wide, x, y, layers="all")
    wide.layers[-1].trainable = False
    with pytest.raises(SettingError, match="the last layer is frozen"):
        laplace(wide, x, y)


@pytest.mark.parametrize("layers", ["last", "all"])
def test_ids_stay_integers(layers):
    """The last layer sees the mean of word vectors: the same model on these means gives the same deviations."""
    rng = np.random.default_rng(0)
    ids, y = rng.integers(0, 9, (40, 5)), rng.normal(size=(40, 1))
    model = Sequential([Embedding(9, 4), GlobalAveragePooling1D(), Dense(1)], seed=0, dtype="float64")
    model.compile(loss=MeanSquaredError())
    model.fit(ids, y, verbose=0)
    _, deviation = laplace(model, ids, y, layers=layers).predict(ids, return_std=True)
    assert deviation.shape == (40, 1)
    if layers == "last":
        dense = Sequential([Dense(1)], dtype="float64")
        dense.compile(loss=MeanSquaredError())
        means = model.params["embedding/embeddings"].value[ids].mean(axis=1)
        dense.build((4,))
        dense.params.theta[:] = model.params.theta[[*range(4), -1]]
        _, expected = laplace(dense, means, y).predict(means, return_std=True)
        np.testing.assert_allclose(deviation, expected, rtol=1e-9)
