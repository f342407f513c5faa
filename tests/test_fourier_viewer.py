"""The Fourier viewer: what a frame shows is what the features are."""

import re

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from grokutil.fourier import fourier_features
from grokutil.runs.trajectory import Trajectory
from grokutil.widgets.fourier_viewer import draw, fourier_viewer


@pytest.fixture
def run():
    """From noise to five perfect circles, one a frequency, each on its own units."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(11, 20, generator=generator, dtype=torch.float64)
    angle = 2 * torch.pi * torch.arange(11, dtype=torch.float64)[:, None] * torch.arange(1, 6) / 11
    clean = torch.stack((angle.cos(), angle.sin(), angle.sin(), angle.cos()), 2).flatten(1)
    return Trajectory([0.0, 0.5, 1.0], [noise, (noise + clean) / 2, clean], "tau")


def test_a_frame_shows_the_features_of_its_state(run):
    figure = Figure()
    text = draw(figure, run, k=2, time=0.0)
    F = fourier_features(run.states[0])
    ring, spectrum, units = figure.axes
    share = (F.abs() ** 2).sum(1) / (F.abs() ** 2).sum()
    np.testing.assert_allclose([bar.get_height() for bar in spectrum.patches], share)
    np.testing.assert_allclose(units.collections[0].get_offsets(), np.stack((F[1].real, F[1].imag), 1))
    assert len(ring.collections[0].get_offsets()) == 11
    assert "Frequency 2 at τ = 0" in text and f"{float(share[1]):.3f} of the power" in text


def test_a_clean_circle_has_one_radius_and_few_units(run):
    text = draw(Figure(), run, k=3, time=1.0)
    low, high = map(float, re.search(r"between ([\d.]+) and ([\d.]+)\.", text).groups())
    assert low == pytest.approx(high) and low > 1
    assert "2 of 20 hidden units hold half" in text


def test_axes_do_not_jump(run):
    limits = []
    for time in run.times:
        figure = Figure()
        draw(figure, run, k=1, time=time)
        limits.append(figure.axes[2].get_xlim())
    assert len(set(limits)) == 1


def test_both_faces(run):
    box = fourier_viewer(run)
    assert ["kernel-free" in child._dom_classes for child in box.children] == [True, False]
    assert len(box.children[0].children[-1].children) == 3
