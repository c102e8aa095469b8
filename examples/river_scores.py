"""Test-then-train scores of recurrent networks on two data sets of river, beside river's own models.

    python3 examples/river_scores.py

All see the samples in their order, scaled as they come, once: each sample is predicted, then learned.
"""

from river import datasets, evaluate, forest, linear_model, metrics, neighbors, preprocessing, tree

from hitherto.river import Classifier, Regressor


def regressors():
    yield "hitherto, GRU, RTRL", Regressor(cell="gru", units=8, learner="rtrl", optimiser="sgd", lr=0.03)
    yield "hitherto, GRU, RFLO", Regressor(cell="gru", units=8, learner="rflo", optimiser="sgd", lr=0.03)
    yield "LinearRegression", linear_model.LinearRegression()
    yield "HoeffdingAdaptiveTreeRegressor", tree.HoeffdingAdaptiveTreeRegressor(seed=1)
    yield "ARFRegressor", forest.ARFRegressor(seed=1)
    yield "KNNRegressor", neighbors.KNNRegressor()


def classifiers():
    yield "hitherto, GRU, RTRL", Classifier(cell="gru", units=8, learner="rtrl", lr=0.01)
    yield "hitherto, GRU, RFLO", Classifier(cell="gru", units=8, learner="rflo", lr=0.01)
    yield "LogisticRegression", linear_model.LogisticRegression()
    yield "HoeffdingAdaptiveTreeClassifier", tree.HoeffdingAdaptiveTreeClassifier(seed=1)
    yield "ARFClassifier", forest.ARFClassifier(seed=1)
    yield "KNNClassifier", neighbors.KNNClassifier()


def main():
    print("| TrumpApproval | mean absolute error |\n|---|---|")
    for name, model in regressors():
        scaled = preprocessing.TargetStandardScaler(preprocessing.StandardScaler() | model)
        score = evaluate.progressive_val_score(datasets.TrumpApproval(), scaled, metrics.MAE())
        print(f"| {name} | {score.get():.3f} |")
    print("\n| Phishing | accuracy |\n|---|---|")
    for name, model in classifiers():
        scaled = preprocessing.StandardScaler() | model
        score = evaluate.progressive_val_score(datasets.Phishing(), scaled, metrics.Accuracy())
        print(f"| {name} | {score.get():.3f} |")


if __name__ == "__main__":
    main()
