"""Analyses of recordings against answers that are known by how the numbers were made."""

import numpy as np
import pytest

from hitherto import SettingError
from hitherto.analysis import dissimilarity, pca, receptive_field, rsa, tuning

random = np.random.default_rng


def test_pca_finds_the_axes_that_numbers_were_made_of():
    turn, _ = np.linalg.qr(random(1).standard_normal((5, 5)))
    sizes = np.array([4.0, 2.0, 1.0, 0.0, 0.0])
    made = random(2).standard_normal((3, 4000, 5)) * sizes @ turn.T + 7
    found = pca(made, 3)
    for axis, expected in zip(found.axes, turn.T):
        assert abs(axis @ expected) == pytest.approx(1, abs=2e-3)
        assert axis[np.abs(axis).argmax()] > 0
    assert found.share.sum() == pytest.approx(1, abs=1e-12)
    assert np.allclose(found.projections @ found.axes + found.mean, made, atol=1e-10)
    assert not np.allclose(pca(made, 2).projections @ found.axes[:2] + found.mean, made, atol=0.1)
    assert found.variance == pytest.approx(found.projections.reshape(-1, 3).var(axis=0, ddof=1), rel=1e-12)


def test_pca_leaves_out_what_is_after_the_end():
    made = random(3).standard_normal((2, 50, 4))
    padded = made.copy()
    padded[1, 20:] = 100
    short = pca(padded, lengths=[50, 20])
    both = np.concatenate([made[0], made[1, :20]])
    assert short.mean == pytest.approx(both.mean(axis=0), abs=1e-12)
    assert np.isnan(short.projections[1, 20:]).all() and np.isfinite(short.projections[1, :20]).all()
    assert pca(padded).mean[0] > 10


def test_tuning_of_trials_and_of_steps():
    z = random(4).standard_normal((200, 10, 3))
    classes = np.arange(200) % 4
    z += classes[:, None, None] * np.array([1.0, 0.0, -2.0])
    curves = tuning(z, classes)
    assert curves.values.tolist() == [0, 1, 2, 3] and curves.samples.tolist() == [50] * 4
    means = z.mean(axis=1)
    assert curves.mean[2] == pytest.approx(means[classes == 2].mean(axis=0), abs=1e-12)
    assert curves.error[2] == pytest.approx(means[classes == 2].std(axis=0, ddof=1) / np.sqrt(50), rel=1e-12)
    steps = tuning(z, np.broadcast_to(classes[:, None], (200, 10)))
    assert steps.mean == pytest.approx(curves.mean, abs=1e-12) and steps.samples.tolist() == [500] * 4
    assert steps.error[0, 0] != pytest.approx(curves.error[0, 0], rel=1e-3)


def test_tuning_in_bins():
    angle = random(5).uniform(0, 1, (1, 5000))
    curves = tuning((angle ** 2)[..., None], angle, bins=10)
    assert curves.values == pytest.approx(np.arange(0.05, 1, 0.1), abs=1e-3)
    assert curves.mean[:, 0] == pytest.approx(curves.values ** 2, abs=0.01)
    assert curves.samples.sum() == 5000
    gap = tuning(np.ones((1, 3, 1)), [[0.0, 0.1, 1.0]], bins=4)
    assert gap.samples.tolist() == [2, 0, 0, 1] and np.isnan(gap.mean[1, 0])


def test_dissimilarity_is_one_less_the_correlation():
    patterns = random(6).standard_normal((7, 9))
    assert dissimilarity(patterns) == pytest.approx(1 - np.corrcoef(patterns), abs=1e-12)
    assert np.isnan(dissimilarity([[1, 1, 1], [1, 2, 3]])[0, 1])


def test_rsa_sees_the_same_geometry_in_other_units():
    a = random(7).standard_normal((12, 30))
    assert rsa(a, a[:, random(8).permutation(30)]) == 1
    assert rsa(a, 3 * a + 2) == 1
    assert abs(rsa(a, random(9).standard_normal((12, 30)))) < 0.5
    assert rsa(a, np.repeat(a, 2, axis=1)) == 1


def test_receptive_field_of_spikes_is_the_spike_triggered_average():
    x = random(10).standard_normal((4, 800, 3))
    drive = np.roll(x[..., 0], 2, axis=1) - np.roll(x[..., 1], 5, axis=1)
    z = (drive > 1).astype(float)[..., None]
    field = receptive_field(z, x, 6)
    trial, step = np.nonzero(z[:, 6:, 0])
    for k in range(7):
        average = x[trial, step + 6 - k].mean(axis=0) - x[:, 6 - k:800 - k].mean(axis=(0, 1))
        assert field[0, k] == pytest.approx(average, abs=1e-12)
    assert field[0, 2, 0] > 0.8 and field[0, 5, 1] < -0.8
    assert abs(field[0, 2, 1]) < 0.2 and abs(field[0, :, 2]).max() < 0.2


def test_receptive_field_ends_where_trials_end():
    x = random(11).standard_normal((2, 60, 1))
    z = np.roll(x, 1, axis=1)
    cut = receptive_field(z, x, 3, lengths=[60, 30])
    x[1, 30:], z[1, 30:] = 50, -50
    assert receptive_field(z, x, 3, lengths=[60, 30]) == pytest.approx(cut, abs=1e-12)
    assert receptive_field(z, x, 3) != pytest.approx(cut, abs=1e-3)


@pytest.mark.parametrize("call", [
    lambda: pca(np.zeros(3)), lambda: pca(np.zeros((1, 5, 2)), 3), lambda: pca(np.zeros((2, 5, 2)), lengths=[5, 6]),
    lambda: tuning(np.zeros((2, 5, 1)), [1, 2, 3]), lambda: tuning(np.zeros((2, 5, 1)), [1, 2], bins=0),
    lambda: dissimilarity([1, 2]), lambda: rsa(np.eye(2), np.eye(2)), lambda: rsa(np.ones((3, 4)), np.ones((3, 4))),
    lambda: receptive_field(np.zeros((1, 5, 1)), np.zeros((1, 6, 1)), 1),
    lambda: receptive_field(np.zeros((1, 5, 1)), np.zeros((1, 5, 1)), 5)])
def test_what_has_no_meaning_is_refused(call):
    with pytest.raises(SettingError):
        call()
