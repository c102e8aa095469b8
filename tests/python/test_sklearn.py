"""The scikit-learn estimators under scikit-learn's own checks, and on sequences."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from hitherto.sklearn import Classifier, Regressor  # noqa: E402

ORDER = "the rows of X are steps in time: another order is another sequence"
EXPECTED = {
    "check_methods_sample_order_invariance": ORDER,
    "check_methods_subset_invariance": ORDER,
}


@pytest.mark.parametrize("estimator", [Regressor(epochs=30), Classifier(epochs=30)])
def test_checks_of_scikit_learn(estimator):
    results = check_estimator(estimator, expected_failed_checks=EXPECTED, on_fail=None)
    failed = [(r["check_name"], str(r["exception"])) for r in results if r["status"] == "failed"]
    assert not failed
    assert {r["check_name"] for r in results if r["status"] == "xfail"} == set(EXPECTED)
    assert sum(r["status"] == "passed" for r in results) > 40


def delayed(sequences, steps, seed=0):
    """Targets are the sum of the inputs of this step and the one before."""
    x = np.random.default_rng(seed).standard_normal((sequences, steps, 2))
    y = x.sum(2)
    y[:, 1:] += x[:, :-1].sum(2)
    return x, y


def test_a_regressor_needs_its_memory():
    x, y = delayed(40, 20)
    model = Regressor(units=16, lr=0.02, epochs=40).fit(x, y)
    new, right = delayed(10, 20, seed=1)
    error = np.mean((model.predict(new)[:, 5:] - right[:, 5:]) ** 2)
    assert error < 0.25 * right.var()
    shuffled = new[:, np.random.default_rng(2).permutation(20)]  # the control: in another order it does not know
    assert np.mean((model.predict(shuffled)[:, 5:] - right[:, 5:]) ** 2) > right.var()


def test_a_class_for_each_sequence():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 10, 1)) * 0.3
    labels = np.where(rng.integers(0, 2, 60) == 1, "up", "down")
    x[:, 2, 0] += np.where(labels == "up", 2, -2)
    model = Classifier(units=8, lr=0.02, epochs=60).fit(x[:40], labels[:40])
    assert model.predict(x[40:]).shape == (20,)
    assert (model.predict(x[40:]) == labels[40:]).mean() >= 0.85
    np.testing.assert_allclose(model.predict_proba(x[40:]).sum(1), 1)


def test_clone_pipeline_and_partial_fit():
    x, y = delayed(1, 200)
    pipeline = make_pipeline(StandardScaler(), Regressor(units=8, epochs=5))
    again = clone(pipeline).fit(x[0], y[0])
    np.testing.assert_array_equal(pipeline.fit(x[0], y[0]).predict(x[0]), again.predict(x[0]))
    online = Regressor(units=8)
    for _ in range(5):
        online.partial_fit(x[0], y[0])
    whole = Regressor(units=8, epochs=5).fit(x[0], y[0])
    np.testing.assert_array_equal(online.predict(x[0]), whole.predict(x[0]))
