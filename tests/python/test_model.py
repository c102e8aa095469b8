"""hitherto.Model: its bits are the C library's, its views are safe, its errors are sentences."""

import gc
import multiprocessing
import pickle
import threading

import numpy as np
import pytest

import hitherto as hh
from hitherto import _c
from hitherto._library import library

LEARNERS = ["tbptt", "rtrl", "snap1", "uoro", "kf-rtrl", "r-kf", "kernl", "rflo", "eprop1-symmetric", "dni"]


def data(steps=60, inputs=3, outputs=2, dtype="f4"):
    x = np.random.default_rng(0).standard_normal((steps, inputs)).astype(dtype)
    y = np.cumsum(x[:, :outputs], 0).astype(dtype) / 3
    return x, y


def model(learner="rflo", **settings):
    return hh.Model(inputs=3, outputs=2, units=6, learner=learner, lr=0.01, **settings)


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("learner", LEARNERS)
def test_step_by_step_is_one_call(learner, precision):
    """predict and learn of each step give the bits of learn_many, whose loop is in C."""
    x, y = data(dtype="f4" if precision == "single" else "f8")
    one, many = model(learner, precision=precision), model(learner, precision=precision)
    outputs = np.stack([step(one, *pair) for pair in zip(x, y)])
    np.testing.assert_array_equal(outputs, many.learn_many(x, y))
    np.testing.assert_array_equal(one.parameters.flat, many.parameters.flat)
    other = model(learner, precision=precision, seed=2)  # the control
    other.learn_many(x, y)
    assert (other.parameters.flat != many.parameters.flat).any()


def step(model, x, y):
    outputs = model.predict(x)
    model.learn(y)
    return outputs


def test_late_labels():
    x, y = data()
    late, once = model(late=4), model(late=4)
    for t, row in enumerate(x):
        late.predict(row)
        if t >= 4:
            late.learn(y[t - 4], late=4)
    for t in range(len(x) - 4):
        once.predict(x[t])
        once.learn(y[t])
    assert np.isfinite(late.parameters.flat).all()
    assert (late.parameters.flat != model(late=4).parameters.flat).any()


def test_views_outlive_the_name():
    own = model()
    weight = own.parameters["layer0.weight"]
    weight[0, 0] = 7
    copy = weight.copy()
    del own
    gc.collect()
    rubbish = [model() for _ in range(20)]  # would take the memory if it had been given back
    np.testing.assert_array_equal(weight, copy)
    assert rubbish


def test_views_are_the_parameters():
    own, x = model(), data()[0]
    own.parameters["readout.weight"][...] = 0
    own.parameters["readout.bias"][...] = 3
    np.testing.assert_array_equal(own.predict(x[0]), [3, 3])


def test_record_leaves_no_trace():
    x, y = data()
    own, control = model(), model()
    own.learn_many(x[:30], y[:30])
    control.learn_many(x[:30], y[:30])
    seen = own.record(x, ["outputs", "z"])
    assert seen["z"].shape == (60, 6)
    np.testing.assert_array_equal(seen["outputs"], own.predict_many(x))
    np.testing.assert_array_equal(own.learn_many(x[30:], y[30:]), control.learn_many(x[30:], y[30:]))


def test_spikes_and_voltages():
    own = hh.Model(inputs=3, outputs=1, cell={"name": "alif"}, units=20, learner="eprop1", seed=2)
    x = 3 * np.abs(np.random.default_rng(0).standard_normal((200, 3)))
    seen = own.record(x, ["spikes", "v", "a"])
    assert set(np.unique(seen["spikes"])) == {0, 1}
    assert seen["v"].shape == seen["a"].shape == (200, 20)


def test_saved_and_pickled_models_go_on_with_the_same_bits(tmp_path):
    x, y = data()
    own = model("uoro")
    own.learn_many(x[:20], y[:20])
    own.save(tmp_path / "model.npz")
    for again in (hh.load(tmp_path / "model.npz"), pickle.loads(pickle.dumps(own))):
        np.testing.assert_array_equal(again.learn_many(x[20:], y[20:]), _continued(own, x, y))
    np.savez(tmp_path / "other.npz", a=1)
    with pytest.raises(OSError, match="was not written by Model.save"):
        hh.load(tmp_path / "other.npz")


def test_damaged_files(tmp_path):
    own = model()
    own.save(tmp_path / "whole.npz")
    whole = (tmp_path / "whole.npz").read_bytes()
    middle = len(whole) // 2
    np.savez(tmp_path / "other.npz", a=1)
    np.save(tmp_path / "array.npy", np.zeros(3))
    for name, content in ("empty", b""), ("text", b"no"), ("cut", whole[:middle]), \
            ("bits", whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1:]):
        (tmp_path / f"{name}.npz").write_bytes(content)
    for file in "empty.npz", "text.npz", "cut.npz", "bits.npz", "other.npz", "array.npy":
        with pytest.raises(OSError, match=f"{file} was not written by Model.save, or it is damaged"):
            hh.load(tmp_path / file)
    with pytest.raises(FileNotFoundError):
        hh.load(tmp_path / "none.npz")


def _continued(own, x, y):
    return pickle.loads(pickle.dumps(own)).learn_many(x[20:], y[20:])


def test_a_batch():
    x, y = np.stack([data()[0]] * 3), np.stack([data()[1]] * 3)
    own = model(batch=3)
    assert own.learn_many(x, y).shape == (3, 60, 2)
    assert own.predict(x[:, 0]).shape == (3, 2)


def test_backward_is_the_loss():
    """dE/dy of the squared error, given from outside, is learn."""
    x, y = data()
    one, two = model(learner={"name": "rflo", "inputs": True}), model(learner={"name": "rflo", "inputs": True})
    for row, target in zip(x, y):
        gradient = one.backward(one.predict(row) - target)
        two.predict(row)
        two.learn(target)
        assert gradient.shape == (1, 3)
    np.testing.assert_array_equal(one.parameters.flat, two.parameters.flat)


def twice(own):
    step(own, [1, 0, 0], [0, 0])
    own.learn([0, 0])


@pytest.mark.parametrize("call, sentence", [
    (lambda: model(cell="lsmt"), "did you mean 'lstm'"),
    (lambda: model(network={"unit": 3}), "did you mean"),
    (lambda: model(late=-1), "late is -1, but must be a whole number from 0"),
    (lambda: model(seed=-1), "seed is -1, but must be a whole number from 0"),
    (lambda: model(seed=2**64), "seed is 18446744073709551616, but must be a whole number from 0"),
    (lambda: model(batch=1.5), "batch is 1.5, but must be a whole number"),
    (lambda: model().learn([0, 0], late=-1), "late is -1, but must be a whole number from 0"),
    (lambda: model().backward([0, 0], late=-1), "late is -1, but must be a whole number from 0"),
    (lambda: model().learn([0, 0]), "no step to answer: predict first"),
    (lambda: twice(model()), "the newest step already has its answer"),
    (lambda: model(target="class"), "must be 'values' or 'classes'"),
    (lambda: model().learn_many(np.zeros((5, 4)), np.zeros((5, 2))), r"x has the shape \(5, 4\), but must have \(T, 3\)"),
    (lambda: model().learn_many(np.zeros((5, 3)), np.zeros((4, 2))), r"y has the shape \(4, 2\), but must have \(5, 2\)"),
])
def test_errors_are_sentences(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_numbers_that_are_not_finite():
    own = model()
    with pytest.raises(hh.NotFinite):
        own.predict([1, np.nan, 0])
    own.predict([1, 0, 0])  # and it goes on


def test_threads_and_forks():
    """Models in threads, and in a child after fork, learn what one learns alone."""
    x, y = data()
    alone = model()
    alone.learn_many(x, y)
    found = [None] * 4

    def work(i):
        own = model()
        own.learn_many(x, y)
        found[i] = own.parameters.flat.copy()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for values in found:
        np.testing.assert_array_equal(values, alone.parameters.flat)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for values in pool.map(_in_a_child, range(2)):
            np.testing.assert_array_equal(values, alone.parameters.flat)


def _in_a_child(_):
    own, (x, y) = model(), data()
    own.learn_many(x, y)
    return own.parameters.flat.copy()


def test_the_declarations_fit_the_library():
    for precision in ("single", "double"):
        lib = library(precision)
        for name in _c.FUNCTIONS:
            assert getattr(lib, name)
    with pytest.raises(AttributeError):
        lib.hth_no_such_function
