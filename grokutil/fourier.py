r"""Fourier features of an embedding, and the circles they draw (section 7.3.2, Fig. 6)."""

from __future__ import annotations

import torch
from torch import Tensor

from grokutil.checks import Matrix, integer, matrix


def fourier_features(E: Matrix) -> Tensor:
    r"""Discrete Fourier transform of the rows of an embedding.

    .. math:: F_k = \frac1p \sum_{j=0}^{p-1} e^{-2 \pi i j k / p} E_j, \qquad k = 1, \dots, (p-1)/2

    Args:
        E: embedding (p, d_h), float64, p odd.

    Returns:
        ((p-1)/2, d_h) complex128; row k-1 is frequency k.

    Raises:
        ValueError: p even or below 3, not float64, not finite.

    Source: paper, section 7.3.2.
    """
    E = matrix("E", E)
    p = E.shape[0]
    if p < 3 or p % 2 == 0:
        raise ValueError(f"E has p = {p} rows; the circles of section 7.3.2 need an odd p of at least 3")
    return torch.fft.fft(E, dim=0)[1 : (p + 1) // 2] / p


def feature_norms(F: Tensor) -> Tensor:
    r"""Norms :math:`\|\mathrm{Re} F_k\|` and :math:`\|\mathrm{Im} F_k\|`, shape (K, 2). Source: Fig. 6, top right."""
    F = _features(F)
    return torch.stack((F.real.norm(dim=1), F.imag.norm(dim=1)), dim=1)


def feature_cosines(F: Tensor) -> Tensor:
    r"""Cosine of the angle between :math:`\mathrm{Re} F_k` and :math:`\mathrm{Im} F_k`, shape (K,).

    Raises:
        ValueError: F is not a complex matrix, or one of the parts is zero.

    Source: Fig. 6, bottom left.
    """
    F = _features(F)
    if zero := int((feature_norms(F) == 0).sum()):
        raise ValueError(f"F has {zero} real or imaginary parts that are zero: they have no angle")
    return (F.real * F.imag).sum(1) / feature_norms(F).prod(1)


def unit_similarity(F: Tensor) -> Tensor:
    r"""Which hidden units do two features share: cosines of their absolute values.

    The 2K vectors are :math:`|\mathrm{Re} F_1|, |\mathrm{Im} F_1|, |\mathrm{Re} F_2|, \dots`, absolute values entry
    by entry over the hidden units. Entries are in [0, 1]: 1 for the same units in the same proportions, 0 for
    disjoint units. For independent Gaussian entries the expectation is close to :math:`2/\pi`.

    Args:
        F: features (K, d_h), complex.

    Returns:
        (2K, 2K) symmetric float64 tensor with ones on the diagonal.

    Raises:
        ValueError: F is not a complex matrix, or one of the vectors is zero.

    Source: Fig. 6, bottom right.
    """
    parts = _absolute_parts(F)
    sizes = parts.norm(dim=1, keepdim=True)
    if not sizes.all():
        raise ValueError(f"F has {int((sizes == 0).sum())} real or imaginary parts that are zero: they share no units")
    parts = parts / sizes
    return parts @ parts.mT


def unit_correlation(F: Tensor) -> Tensor:
    r"""Do two features favour the same hidden units: correlations of their absolute values.

    .. math:: C_{xy} = \frac{\langle |x| - m_x, |y| - m_y \rangle}{\| |x| - m_x \| \, \| |y| - m_y \|},
        \qquad m_x = \frac{1}{d_h} \sum_h |x_h|

    The 2K vectors x, y are those of :func:`unit_similarity`; this is its cosine after the mean over the hidden units
    has been taken off. Entries are in [-1, 1]: 1 when one part is large where the other is, 0 when neither tells of
    the other. For independent entries the expectation is 0, whatever their law.

    Args:
        F: features (K, d_h), complex.

    Returns:
        (2K, 2K) symmetric float64 tensor with ones on the diagonal.

    Raises:
        ValueError: F is not a complex matrix, or a part has the same absolute value at every unit.

    Source: section 7.3.2 and Fig. 6, bottom right, which do not say how the vectors are compared.
    """
    parts = _absolute_parts(F)
    centred = parts - parts.mean(dim=1, keepdim=True)
    norms = centred.norm(dim=1, keepdim=True)
    if bool((norms <= 1e-12 * parts.norm(dim=1, keepdim=True)).any()):  # rounding
        raise ValueError("a part of F has the same absolute value at every hidden unit: it has no correlation")
    return (centred / norms) @ (centred / norms).mT


def within_and_between(similarity: Tensor) -> tuple[float, float]:
    """Mean within a frequency (Re against Im) and between frequencies: of :func:`unit_similarity` or the like.

    Raises:
        ValueError: fewer than two frequencies.
    """
    K = similarity.shape[0] // 2
    if K < 2:
        raise ValueError(f"similarity {tuple(similarity.shape)} has {K} frequency: between takes at least two, p >= 5")
    blocks = similarity.reshape(K, 2, K, 2)
    same = torch.eye(K, dtype=torch.bool, device=similarity.device)
    within = blocks[:, 0, :, 1][same].mean()
    between = blocks.permute(0, 2, 1, 3)[~same].mean()
    return float(within), float(between)


def unit_concentration(E: Matrix) -> float:
    r"""Share of the power of the Fourier features that hidden units have at their strongest frequency.

    .. math:: \frac{\sum_h \max_k |F_{kh}|^2}{\sum_h \sum_k |F_{kh}|^2}

    It is 1 when each unit has one frequency, whichever, and 1/K when each has all K alike. For independent Gaussian
    entries the expectation is close to :math:`(1 + 1/2 + \dots + 1/K) / K`.

    Args:
        E: embedding (p, d_h), float64, p odd, not constant in each column.

    Raises:
        ValueError: p even or below 3, not float64, not finite, or an embedding without power.
    """
    power = fourier_features(E).abs().square()
    if float(power.sum()) <= 1e-24 * float(matrix("E", E).square().sum()):  # rounding
        raise ValueError("E has the same row for each number: there is no power to share between the frequencies")
    return float(power.amax(0).sum() / power.sum())


def plane(F_k: Tensor) -> Tensor:
    r"""Axes of the plane spanned by :math:`\mathrm{Re} F_k` and :math:`\mathrm{Im} F_k`.

    They are the orthonormal pair closest to the two vectors (polar factor), so what is drawn on them keeps its shape:
    a circle stays a circle and an ellipse an ellipse.

    Args:
        F_k: one feature (d_h,), complex.

    Returns:
        (d_h, 2) with orthonormal columns.
    """
    U, _, Vh = torch.linalg.svd(torch.stack((F_k.real, F_k.imag), dim=1), full_matrices=False)
    return U @ Vh


def circle(E: Matrix, k: int) -> Tensor:
    r"""The embedding projected onto the :func:`plane` of frequency k.

    On a clean circle number j stands at the angle :math:`2 \pi j k / p`. A walk around it meets
    :math:`0, k^{-1}, 2 k^{-1}, \dots` modulo p.

    Args:
        E: embedding (p, d_h), float64, p odd.
        k: frequency, 1 to (p-1)/2.

    Returns:
        (p, 2) coordinates of the rows of E, in the units of E.

    Raises:
        ValueError: p even, or k out of range.

    Source: paper, section 7.3.2.
    """
    F = fourier_features(E)
    if integer("k", k, 1) > len(F):
        raise ValueError(f"k must be at most (p-1)/2 = {len(F)}, got {k}")
    return matrix("E", E) @ plane(F[k - 1].conj())  # E_j has e^{2 pi i j k / p} times F_k: Im F_k points the other way


def leading_frequencies(E: Matrix, count: int) -> list[int]:
    r"""The ``count`` frequencies with the largest :math:`\|F_k\|`, largest first."""
    F = fourier_features(E)
    power = feature_norms(F).norm(dim=1)
    if integer("count", count, 1) > len(F):
        raise ValueError(f"count must be at most (p-1)/2 = {len(F)}, got {count}")
    return (power.argsort(descending=True)[:count] + 1).tolist()


def _absolute_parts(F: Tensor) -> Tensor:
    """|Re F_1|, |Im F_1|, |Re F_2|, ... by hidden unit, (2K, d_h)."""
    F = _features(F)
    return torch.stack((F.real, F.imag), dim=1).abs().flatten(0, 1)


def _features(F: Tensor) -> Tensor:
    if not isinstance(F, Tensor) or F.ndim != 2 or not F.is_complex():
        got = f"{F.dtype} {tuple(F.shape)}" if isinstance(F, Tensor) else type(F).__name__
        raise ValueError(f"F must be a complex (K, d_h) tensor from fourier_features, got {got}")
    return F
