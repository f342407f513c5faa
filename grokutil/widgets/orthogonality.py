"""Explorer: nearer to the zero-loss curve the gradient of the loss turns normal to it (the paper's Fig. 4)."""

from __future__ import annotations

import ipywidgets as W
import numpy as np
from matplotlib.figure import Figure

from grokutil.figures.plot import COLORS, draw_arrow, landscape
from grokutil.toy import Array, parabola_coefficient, parabola_gradient, parabola_loss
from grokutil.widgets.live import Live, drawing, explorer
from grokutil.widgets.player import Control, player

SIZE = (5.2, 2.9)
DISTANCES = (0.4, 0.1, 0.01)
FEET = {"0.5: as in the figure": 0.5, "0: the vertex": 0.0}
LOWER, UPPER = 1e-3, 1.0  # distances on the axis of the right panel
BOUND = 4.0  # 2 Lambda / sigma for y - x^2: serves every foot and distance


def exact_cosine(foot: float, distance: Array) -> Array:
    """Cosine between gradient and tangent for signed distances (D,), positive inside the parabola; size only, (D,)."""
    slope = np.sqrt(1 + 4 * foot**2)
    along = 2 * foot * (1 - 2 * distance / slope)
    return np.abs(4 * foot * distance) / slope**2 / np.sqrt(1 + along**2)


def measured(foot: float, distance: float, side: int = 1) -> tuple[Array, Array, Array, float]:
    """The point at a distance along the normal at (foot, foot^2), the unit normal and gradient there, and the cosine.

    Raises:
        ValueError: the foot is not the nearest point of the parabola.
    """
    slope = np.hypot(1, 2 * foot)
    if side > 0 and distance >= slope / 2:
        raise ValueError(
            f"At distance {distance:.3g} above the curve, (a, a²) with a = {foot:.3g} is not the only nearest point: "
            f"that needs a distance below √(1 + 4a²) / 2 = {slope / 2:.3g}. Take a smaller distance or the other side."
        )
    tangent, normal = np.array([[1, 2 * foot], [-2 * foot, 1]]) / slope
    point = np.array([foot, foot**2]) + side * distance * normal
    gradient = parabola_gradient(point)
    gradient /= np.linalg.norm(gradient)
    return point, normal, gradient, float(abs(gradient @ tangent))


def _side(w: Array) -> Array:
    return np.sqrt(parabola_loss(w)) * np.where(w[..., 1] > w[..., 0] ** 2, 1, -1)


def draw(figure: Figure, foot: float, distance: float, side: int = 1) -> str:
    """The neighbourhood of a foot on the parabola, magnified in proportion to the distance, and the cosine."""
    point, normal, gradient, cosine = measured(foot, distance, side)
    left, right = figure.subplots(1, 2)
    z, outward = np.array([foot, foot**2]), side * normal
    half, middle = 0.8 * distance, z + 0.45 * distance * outward
    (x0, y0), (x1, y1) = middle - half, middle + half
    landscape(left, _side, (x0, x1), (y0, y1), levels=4)
    left.axline(tuple(z), tuple(z + (normal[1], -normal[0])), color=COLORS["theory"], linewidth=0.8)
    left.plot(*np.transpose((z, z + 2 * distance * outward)), "--", color=COLORS["faint"], linewidth=1)
    left.plot(*z, "o", color=COLORS["theory"], markersize=4)
    left.plot(*point, "o", color=COLORS["train"], markersize=6)
    draw_arrow(left, point, -0.6 * distance * gradient, COLORS["train"])
    angle = np.degrees(np.arcsin(cosine))
    left.set(xticks=[], yticks=[], title=f"{angle:.2g}° off the normal")

    d = np.geomspace(LOWER, UPPER, 200)
    shown = d[d < np.hypot(1, 2 * foot) / 2] if side > 0 else d
    coefficient = abs(float(parabola_coefficient(foot)))
    right.plot(d, np.minimum(BOUND * d, 1), color=COLORS["faint"])
    if foot:  # at the vertex both are zero, which has no place on a logarithmic axis
        right.plot(d, coefficient * d, "--", color=COLORS["theory"], linewidth=0.9)
        right.plot(shown, exact_cosine(foot, side * shown), color=COLORS["theory"])
        right.plot(distance, cosine, "o", color=COLORS["measurement"], markersize=7)
    right.set(xscale="log", yscale="log", xlim=(LOWER, UPPER), ylim=(2e-5, 2), xlabel="distance $d$", title="cosine")
    right.set_yticks([1e-4, 1e-2, 1])
    right.minorticks_off()
    bound = min(BOUND * distance, 1.0)
    texts = (
        (f"cosine {cosine:.3g}", COLORS["measurement"]),
        (f"$C(a)\\,d$ = {coefficient * distance:.3g}", COLORS["theory"]),
        (f"bound {bound:.3g}", "#707070"),  # faint, but legible
    )
    for line, (text, color) in enumerate(texts):
        right.text(0.99, 0.25 - 0.11 * line, text, color=color, ha="right", va="bottom", transform=right.transAxes)
    return (
        f"The parabola near a = {foot:.3g}, magnified; the point at distance {distance:.3g} "
        f"{'above' if side > 0 else 'below'} it. The arrow of the negative gradient is {angle:.2g} degrees off the "
        f"dashed normal: its cosine with the tangent is {cosine:.3g}, C(a) d is {coefficient * distance:.3g}, the "
        f"bound {bound:.3g}."
    )


def orthogonality() -> W.VBox:
    """Foot and distance; live both free, on either side of the parabola."""
    controls = {
        "foot": W.FloatSlider(0.5, min=-2, max=2, step=0.05, description="foot a"),
        "distance": W.FloatLogSlider(
            10**-0.7, min=-3, max=0, step=0.05, description="distance d", readout_format=".3g"
        ),
        "side": W.Dropdown(options={"above": 1, "below": -1}, description="side"),
    }
    distances = Control("distance", "distance d", DISTANCES)
    feet = Control("foot", "foot a", list(FEET.values()), texts=list(FEET))
    kernel_free = player(draw, distances, feet, size=SIZE, interval=700)
    return explorer(kernel_free, Live(drawing(draw, SIZE), controls, face="orthogonality"))
