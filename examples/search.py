"""Search for the best initializer, dropout rate and L2 strength: a halving search over all combinations.

python search.py                      # one process per core
python search.py --dask tcp://...     # on a Dask cluster (pip install 'minidl[dask]'); without an address, a local one

HalvingGridSearchCV trains every candidate on a few rows, then the best third of them on three times as many rows.
(Jamieson & Talwalkar 2016)
"""

import argparse

import joblib
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  this import enables the search
from sklearn.model_selection import HalvingGridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minidl.estimators import SequentialClassifier
from minidl.initializers import HeNormal, LecunNormal, RandomNormal
from minidl.layers import Dense, Dropout, ReLU, Softmax
from minidl.losses import CategoricalCrossentropy
from minidl.optimizers import Adam
from minidl.regularizers import L2

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--dask", nargs="?", const="local", help="address of a Dask scheduler")
parser.add_argument("--quick", action="store_true", help="fewer candidates and epochs")
options = parser.parse_args()


def backend():
    """Return the joblib backend. Each process uses one BLAS thread, so that processes do not compete for cores."""
    if options.dask is None:
        return joblib.parallel_config("loky", n_jobs=-1, inner_max_num_threads=1)
    from dask.distributed import Client

    client = Client(threads_per_worker=1) if options.dask == "local" else Client(options.dask)
    client.run(one_thread)
    return joblib.parallel_config("dask")


def one_thread():
    """Limit the BLAS threads of a Dask worker, because joblib does not."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")


def network(outputs, initializer, rate):
    return [
        Dense(64, kernel_initializer=initializer),
        ReLU(),
        Dropout(rate),
        Dense(64, kernel_initializer=initializer),
        ReLU(),
        Dropout(rate),
        Dense(outputs),
        Softmax(),
    ]


initializers = [HeNormal(), LecunNormal(), RandomNormal(stddev=1.0)]
rates, strengths = ([0.0, 0.3], [0.0, 1.0]) if options.quick else ([0.0, 0.15, 0.3, 0.5], [0.0, 0.1, 1.0, 3.0])
grid = {
    "sequentialclassifier__initializer": initializers,
    "sequentialclassifier__rate": rates,
    "sequentialclassifier__loss": [CategoricalCrossentropy() + L2(lambd) for lambd in strengths],
}

x, x_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
classifier = SequentialClassifier(network, optimizer=Adam(0.003), epochs=5 if options.quick else 60, random_state=0)
pipeline = make_pipeline(StandardScaler(), classifier)
search = HalvingGridSearchCV(pipeline, grid, factor=3, cv=3, random_state=0)
if __name__ == "__main__":
    with backend():
        search.fit(x, y)

    best = search.best_estimator_[-1]
    print(f"{search.n_candidates_[0]} candidates, {search.n_iterations_} rounds of {search.n_resources_} rows")
    print(f"best: {best.initializer}, dropout {best.rate}, L2 {best.loss.penalties[0].lambd}")
    print(f"accuracy: {search.best_score_:.3f} in the search, {search.score(x_test, y_test):.3f} on new rows")
