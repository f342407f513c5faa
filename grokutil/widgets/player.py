"""The kernel-free face of an explorer: every frame is drawn beforehand, and sliders choose among them.

Only links between widgets are used (``jslink``), so the pictures move on a static page. Where somebody sits at the
kernel, a frame is drawn when it is chosen.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as W

from grokutil.runs.progress import watched
from grokutil.widgets.frames import SIZE, Draw, frame

KERNEL_FREE = "kernel-free"
WHICH = "<b>Drawn beforehand</b>: these pictures move without a kernel."
WHEN_CHOSEN = "<b>Drawn when chosen</b>: on the book's page these pictures are drawn beforehand."


@dataclass(frozen=True)
class Control:
    """A parameter of an explorer and the values it can take.

    Attributes:
        name: the keyword under which ``draw`` receives the value.
        label: what stands beside the slider.
        values: the values, in order.
        texts: how each value is written; ``str`` of it where this is empty.
        first: the place of the value that the explorer opens with.
    """

    name: str
    label: str
    values: Sequence[Any]
    texts: Sequence[str] = ()
    first: int = 0

    def options(self) -> list[tuple[str, int]]:
        """(text, index) of each value, for a selection widget."""
        texts = self.texts or [f"{value:g}" if isinstance(value, float) else str(value) for value in self.values]
        return [(text, index) for index, text in enumerate(texts)]


def player(
    draw: Draw,
    step: Control,
    choice: Control | None = None,
    *,
    size: tuple[float, float] = SIZE,
    interval: int = 300,
    fixed: dict[str, Any] | None = None,
) -> W.VBox:
    """Pictures that move without a kernel; with somebody at the kernel, which draws each when it is chosen.

    Args:
        draw: ``draw(figure, **values)`` draws one frame and returns its alternative text.
        step: the parameter of the slider and of the play button.
        choice: a second parameter, chosen in a drop-down list.
        size: width and height of a frame in inches.
        interval: milliseconds a frame while playing.
        fixed: further keywords for ``draw``.

    Returns:
        A box with the class ``kernel-free``.

    Raises:
        ValueError: a control without values, or one that opens with a value which it does not have.
    """
    for control in filter(None, (step, choice)):
        if not len(control.values):
            raise ValueError(f"control {control.name!r} has no values to choose from")
        if not 0 <= control.first < len(control.values):
            raise ValueError(
                f"control {control.name!r} has {len(control.values)} values, but opens with {control.first}"
            )
    slider = W.SelectionSlider(options=step.options(), index=step.first, description=step.label, continuous_update=True)
    play = W.Play(step.first, min=0, max=len(step.values) - 1, interval=interval, description=f"play {step.label}")
    W.jslink((play, "value"), (slider, "index"))
    controls: list[W.Widget] = [play, slider]
    menu = W.Dropdown(options=choice.options(), index=choice.first, description=choice.label) if choice else None
    if menu:
        controls.insert(0, menu)

    @functools.cache
    def drawn(chosen: int, at: int) -> str:
        which = {choice.name: choice.values[chosen]} if choice else {}
        return frame(draw, size, **{step.name: step.values[at]}, **which, **(fixed or {}))

    here = watched()
    picture = (_when_chosen if here else _beforehand)(drawn, menu, slider)
    for control in controls:
        control.style.description_width = "initial"
    row = W.HBox(controls, layout=W.Layout(flex_flow="row wrap", align_items="center"))
    box = W.VBox([W.HTML(WHEN_CHOSEN if here else WHICH), row, picture])
    box.add_class(KERNEL_FREE)
    return box


def _beforehand(drawn: Callable[[int, int], str], menu: W.Dropdown | None, slider: W.SelectionSlider) -> W.Stack:
    """All pictures, (entry of the menu, place of the slider); the front end chooses among them."""
    stacks = []
    for chosen in range(len(menu.options) if menu else 1):
        frames = [W.HTML(drawn(chosen, at)) for at in range(len(slider.options))]
        stacks.append(W.Stack(frames, selected_index=slider.index))
        W.jslink((slider, "index"), (stacks[-1], "selected_index"))
    if not menu:
        return stacks[0]
    outer = W.Stack(stacks, selected_index=menu.index)
    W.jslink((menu, "index"), (outer, "selected_index"))
    return outer


def _when_chosen(drawn: Callable[[int, int], str], menu: W.Dropdown | None, slider: W.SelectionSlider) -> W.HTML:
    """One picture, which the kernel draws anew."""

    def chosen() -> str:
        return drawn(menu.index if menu else 0, slider.index)

    picture = W.HTML(chosen())
    for control in filter(None, (menu, slider)):
        control.observe(lambda _: setattr(picture, "value", chosen()), "index")
    return picture
