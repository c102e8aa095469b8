"""The river estimators under river's own evaluation."""

import pytest

pytest.importorskip("river")

from river import datasets, evaluate, linear_model, metrics, preprocessing  # noqa: E402

from hitherto.river import Classifier, Regressor  # noqa: E402


def scaled(model):
    return preprocessing.TargetStandardScaler(preprocessing.StandardScaler() | model)


def test_a_regressor_beside_a_linear_one():
    data = datasets.ChickWeights()
    own = evaluate.progressive_val_score(data, scaled(Regressor(units=8, lr=0.01)), metrics.MAE()).get()
    linear = evaluate.progressive_val_score(data, scaled(linear_model.LinearRegression()), metrics.MAE()).get()
    assert own < 1.2 * linear


def test_a_step_is_taken_once():
    """predict_one and then learn_one is what learn_one alone is; a second predict_one changes nothing."""
    first, second, stream = Regressor(units=4), Regressor(units=4), [({"a": 0.1 * i}, float(i % 3)) for i in range(30)]
    for x, y in stream:
        first.predict_one(x)
        assert first.predict_one(x) == first.predict_one(dict(x))
        first.learn_one(x, y)
        second.learn_one(x, y)
    assert first.predict_one({"a": 1.0}) == second.predict_one({"a": 1.0}) != 0


def test_a_classifier_learns():
    data = datasets.Phishing()
    model = preprocessing.StandardScaler() | Classifier(units=8, lr=0.02)
    accuracy = evaluate.progressive_val_score(data, model, metrics.Accuracy()).get()
    assert accuracy > 0.8
    with pytest.raises(ValueError, match="one class more than classes = 2"):
        model["Classifier"].learn_one(dict.fromkeys(model["Classifier"]._names, 0.0), "another")
