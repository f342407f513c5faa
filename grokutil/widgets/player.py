"""The kernel-free face of an explorer: every frame is drawn beforehand, and sliders choose among them.

Only links between widgets are used (``jslink``), so the pictures move on a static page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as W

from grokutil.progress import progress_bar
from grokutil.widgets.frames import SIZE, Draw, frame

KERNEL_FREE = "kernel-free"
WHICH = "<b>Drawn beforehand</b>: these pictures move without a kernel."


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
    """Pictures that move without a kernel.

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
    stacks = []
    choices = [{choice.name: value} for value in choice.values] if choice else [{}]
    with progress_bar("pictures", len(choices) * len(step.values), shown=True) as bar:
        for chosen in choices:
            frames = []
            for value in step.values:
                frames.append(W.HTML(frame(draw, size, **{step.name: value}, **chosen, **(fixed or {}))))
                bar.update()
            stack = W.Stack(frames, selected_index=step.first)
            W.jslink((slider, "index"), (stack, "selected_index"))
            stacks.append(stack)
    controls: list[W.Widget] = [play, slider]
    picture: W.Widget = stacks[0]
    if choice:
        menu = W.Dropdown(options=choice.options(), index=choice.first, description=choice.label)
        picture = W.Stack(stacks, selected_index=choice.first)
        W.jslink((menu, "index"), (picture, "selected_index"))
        controls.insert(0, menu)
    for control in controls:
        control.style.description_width = "initial"
    row = W.HBox(controls, layout=W.Layout(flex_flow="row wrap", align_items="center"))
    box = W.VBox([W.HTML(WHICH), row, picture])
    box.add_class(KERNEL_FREE)
    return box
