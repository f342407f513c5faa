"""Section 7.3.2: Fourier features and circles."""

import cmath
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grokutil.fourier import (
    circle,
    feature_cosines,
    feature_norms,
    fourier_features,
    leading_frequencies,
    plane,
    unit_concentration,
    unit_correlation,
    unit_similarity,
    within_and_between,
)
from grokutil.model import gaussian_embedding


def circles(p, radius, seed=0):
    """An embedding made of perfect circles in orthogonal planes: radius[k] for frequency k."""
    generator = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(40, 2 * len(radius), generator=generator, dtype=torch.float64))
    angle = 2 * math.pi * torch.arange(p, dtype=torch.float64) / p
    E = torch.zeros(p, 40, dtype=torch.float64)
    for i, (k, r) in enumerate(radius.items()):
        E += r * (torch.outer((k * angle).cos(), Q[:, 2 * i]) + torch.outer((k * angle).sin(), Q[:, 2 * i + 1]))
    return E


@settings(deadline=None, max_examples=30)
@given(p=st.sampled_from([3, 5, 7, 11]), width=st.integers(1, 4), seed=st.integers(0, 999))
def test_the_transform_is_the_papers_sum(p, width, seed):
    E = gaussian_embedding(p, width, seed)
    F = fourier_features(E)
    assert F.shape == ((p - 1) // 2, width) and F.dtype == torch.complex128
    for k in range(1, (p - 1) // 2 + 1):
        for h in range(width):
            slow = sum(cmath.exp(-2j * math.pi * j * k / p) * float(E[j, h]) for j in range(p)) / p
            assert abs(complex(F[k - 1, h]) - slow) < 1e-12


def test_the_features_and_the_mean_give_the_embedding_back():
    p, E = 11, gaussian_embedding(11, 6)
    k, j = torch.arange(1, 6), torch.arange(p)
    phases = torch.exp(2j * math.pi * torch.outer(j, k).double() / p)
    back = E.mean(0) + 2 * (phases @ fourier_features(E)).real
    torch.testing.assert_close(back, E, rtol=0, atol=1e-13)


def test_a_cyclic_shift_turns_each_feature_by_its_phase():
    E, p = gaussian_embedding(13, 5), 13
    turn = torch.exp(-2j * math.pi * torch.arange(1, 7).double() / p)[:, None]
    torch.testing.assert_close(fourier_features(E.roll(1, 0)), turn * fourier_features(E))


def test_perfect_circles_measure_as_such():
    E = circles(11, {2: 3.0, 5: 1.0})
    F = fourier_features(E)[[1, 4]]
    torch.testing.assert_close(feature_norms(F), torch.tensor([[1.5, 1.5], [0.5, 0.5]], dtype=torch.float64))
    assert float(feature_cosines(F).abs().max()) < 1e-12
    assert leading_frequencies(E, 2) == [2, 5]


@pytest.mark.parametrize("k", [2, 5])
def test_points_lie_on_the_circle_in_the_order_of_the_frequency(k):
    """Section 7.3.2: number j stands at the angle 2 pi j k / p."""
    p, E = 11, circles(11, {2: 3.0, 5: 1.0})
    xy = circle(E, k)
    radius = {2: 3.0, 5: 1.0}[k]
    torch.testing.assert_close(xy.norm(dim=1), torch.full((p,), radius, dtype=torch.float64))
    z = torch.complex(xy[:, 0], xy[:, 1])
    steps = (z.roll(-1) / z).angle()
    assert float((steps.cos() - math.cos(2 * math.pi * k / p)).abs().max()) < 1e-12
    assert float(steps.std()) < 1e-6


def test_circle_keeps_distances_within_the_plane():
    """The axes are orthonormal: a lone ellipse keeps its true lengths."""
    E = circles(11, {3: 2.0}) * torch.linspace(0.5, 1.5, 40, dtype=torch.float64)
    torch.testing.assert_close(circle(E, 3).norm(dim=1), E.norm(dim=1))


def test_the_axes_of_a_plane_are_orthonormal_and_closest_to_the_feature():
    F_k = fourier_features(gaussian_embedding(11, 6))[2]
    axes, pair = plane(F_k), torch.stack((F_k.real, F_k.imag), dim=1)
    torch.testing.assert_close(axes.mT @ axes, torch.eye(2, dtype=torch.float64))
    torch.testing.assert_close(axes @ (axes.mT @ pair), pair)  # same plane
    for angle in torch.linspace(-3, 3, 25, dtype=torch.float64):
        turn = torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos())).reshape(2, 2)
        assert (axes - pair).norm() <= (axes @ turn - pair).norm() + 1e-12


def test_similarity_of_shared_and_of_disjoint_units():
    F = torch.zeros(2, 6, dtype=torch.complex128)
    F[0, :3], F[1, 3:] = 1 + 1j, 2 - 2j
    S = unit_similarity(F)
    assert S.shape == (4, 4)
    torch.testing.assert_close(S, torch.kron(torch.eye(2), torch.ones(2, 2)).double())
    assert within_and_between(S) == pytest.approx((1.0, 0.0))
    F[1] = F[0]
    assert within_and_between(unit_similarity(F)) == pytest.approx((1.0, 1.0))


def test_random_embeddings_have_similarity_two_over_pi():
    within, between = within_and_between(unit_similarity(fourier_features(gaussian_embedding(37, 20000))))
    assert within == pytest.approx(2 / math.pi, abs=0.01) and between == pytest.approx(2 / math.pi, abs=0.01)


def test_correlation_is_that_of_numpy():
    """numpy.corrcoef of the absolute values, part by part."""
    F = fourier_features(gaussian_embedding(11, 30, seed=2))
    parts = [abs(part.numpy()) for F_k in F for part in (F_k.real, F_k.imag)]
    C = unit_correlation(F)
    assert C.shape == (10, 10)
    torch.testing.assert_close(C, torch.from_numpy(np.corrcoef(parts)))
    torch.testing.assert_close(unit_correlation(3 * F), C)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
def test_correlation_sees_the_share_of_the_units_where_the_cosine_does_not(share):
    """Phases spread evenly over a share q of the units: the cosine of |Re| and |Im| is 2 / pi whatever q is."""
    units = round(4000 * share)
    F = torch.zeros(1, 4000, dtype=torch.complex128)
    F[0, :units] = torch.exp(2j * math.pi * (torch.arange(units).double() + 0.5) / units)
    assert float(unit_similarity(F)[0, 1]) == pytest.approx(2 / math.pi, abs=1e-3)
    law = 2 / math.pi * (1 - 4 * share / math.pi) / (1 - 8 * share / math.pi**2)
    assert float(unit_correlation(F)[0, 1]) == pytest.approx(law, abs=1e-3)


def test_disjoint_units_have_negative_correlation():
    F = torch.zeros(2, 6, dtype=torch.complex128)
    F[0, :3], F[1, 3:] = 1 + 1j, 2 - 2j
    assert within_and_between(unit_correlation(F)) == pytest.approx((1.0, -1.0))


def test_random_embeddings_have_no_correlation():
    within, between = within_and_between(unit_correlation(fourier_features(gaussian_embedding(37, 20000))))
    assert abs(within) < 0.01 and abs(between) < 0.005


def test_units_of_one_frequency_are_concentrated_and_random_ones_are_not():
    p, j = 11, torch.arange(11, dtype=torch.float64)
    waves = torch.stack([torch.cos(2 * math.pi * k * j / p + h) for h, k in enumerate((1, 2, 2, 5))], dim=1)
    assert unit_concentration(waves) == pytest.approx(1)
    spike = torch.zeros(p, 3, dtype=torch.float64)
    spike[4] = 1.0  # all K frequencies alike
    assert unit_concentration(spike) == pytest.approx(1 / 5)
    harmonic = sum(1 / k for k in range(1, 6)) / 5
    assert unit_concentration(gaussian_embedding(p, 20000)) == pytest.approx(harmonic, abs=0.01)


def test_concentration_is_the_sum_by_units():
    E = gaussian_embedding(7, 5)
    power = [[abs(complex(z)) ** 2 for z in row] for row in fourier_features(E).mT]
    slow = sum(map(max, power)) / sum(map(sum, power))
    assert unit_concentration(E) == pytest.approx(slow)
    assert unit_concentration(3 * E + 1) == pytest.approx(slow)  # neither scale nor mean plays a part


def test_bad_input_says_what_to_do():
    E = gaussian_embedding(7, 4)
    with pytest.raises(ValueError, match=r"E has p = 6 rows.*odd p"):
        fourier_features(E[:6])
    with pytest.raises(ValueError, match="E must be float64"):
        fourier_features(E.float())
    with pytest.raises(ValueError, match=r"k must be at most \(p-1\)/2 = 3, got 4"):
        circle(E, 4)
    with pytest.raises(ValueError, match="k must be a whole number of at least 1, got 0"):
        circle(E, 0)
    with pytest.raises(ValueError, match="no power to share"):
        unit_concentration(torch.ones_like(E))
    with pytest.raises(ValueError, match=r"count must be at most .* got 9"):
        leading_frequencies(E, 9)
    with pytest.raises(
        ValueError, match=r"complex \(K, d_h\) tensor from fourier_features, got torch.float64 \(7, 4\)"
    ):
        unit_similarity(E)
    with pytest.raises(ValueError, match="same absolute value at every hidden unit: it has no correlation"):
        unit_correlation(torch.ones(2, 4, dtype=torch.complex128))


@pytest.mark.parametrize("k", [1, 2, 5])
def test_number_j_stands_at_its_signed_angle(k):
    """Counter-clockwise, from number 0 on: the angle from j to j + 1 is 2 pi k / p, with its sign."""
    at = circle(circles(11, {1: 2.0, 2: 3.0, 5: 1.0}), k)
    steps = torch.atan2(at[:-1, 0] * at[1:, 1] - at[:-1, 1] * at[1:, 0], (at[:-1] * at[1:]).sum(1))
    turn = math.remainder(2 * math.pi * k / 11, 2 * math.pi)
    torch.testing.assert_close(steps, torch.full((10,), turn, dtype=torch.float64))


def test_norms_are_of_the_real_part_first_and_both_lead():
    F = torch.tensor([[3 + 0j, 0j], [0j, 4j], [1 + 1j, 0j]])
    F = F.to(torch.complex128)
    torch.testing.assert_close(feature_norms(F)[:2], torch.tensor([[3.0, 0.0], [0.0, 4.0]], dtype=torch.float64))
    angle = 2 * math.pi * torch.arange(7).double() / 7
    E = torch.stack((angle.cos(), 2 * (2 * angle).sin()), 1)  # frequency 1 in Re, a stronger 2 in Im
    assert leading_frequencies(E, 2) == [2, 1]


def test_parts_without_power_and_a_single_frequency_say_so():
    F = torch.tensor([[1 + 0j, 2j], [1 + 1j, 1j]], dtype=torch.complex128)
    F[0] = F[0].real.to(F.dtype)
    with pytest.raises(ValueError, match="F has 1 real or imaginary parts that are zero"):
        unit_similarity(F)
    with pytest.raises(ValueError, match="F has 1 real or imaginary parts that are zero: they have no angle"):
        feature_cosines(F)
    with pytest.raises(ValueError, match="has 1 frequency: between takes at least two"):
        within_and_between(unit_similarity(fourier_features(gaussian_embedding(3, 8))))
