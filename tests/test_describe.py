"""A figure in words: what it says is what was drawn, and changes with it."""

import base64
import io
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure
from nbclient import NotebookClient
from PIL import Image

from grokutil.figures import describe as module
from grokutil.figures import plot
from grokutil.figures.describe import describe
from grokutil.figures.wording import rounded

mpl.use("Agg")


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def said(ax):
    """The lines about what is drawn in the one panel."""
    summary, axes, *things = describe(ax.figure).splitlines()
    assert all(thing.startswith("- ") and thing.endswith(".") for thing in things)
    return [thing[2:-1] for thing in things]


def test_the_summary_has_the_ranges_and_the_panel_its_axes(ax):
    ax.plot([1, 10, 100], [2e-6, 5, 3])
    ax.set(xscale="log", xlim=(0.5, 200), xlabel="step", ylabel="$\\lambda_{\\max}$", ylim=(0, 6), title="a title")
    summary, axes, _ = describe(ax.figure).splitlines()
    assert summary == "Ranges: λ_max from 2e−6 to 5, step from 1 to 100."
    assert axes == "a title. x axis: step, 0.5 to 200, logarithmic. y axis: λ_max, 0 to 6."


@pytest.mark.parametrize(
    ("y", "words"),
    [([1, 2, 4], "rises from 1 at 0 to 4 at 2"), ([4, 2, 1], "falls from 4 at 0 to 1 at 2"),
     ([3, 3, 3], "stays at 3 from 0 to 2"), ([1, 7, 2], "from 1 at 0 to 2 at 2, greatest 7 at 1"),
     ([1, -7, 2], "from 1 at 0 to 2 at 2, least −7 at 1"), ([1, np.nan, 2], "rises from 1 at 0 to 2 at 2")],
)  # fmt: skip
def test_a_curve_says_how_it_goes(ax, y, words):
    (line,) = ax.plot([0, 1, 2], y)
    assert said(ax) == [f"A curve {words}"]
    line.set_label("loss")
    assert said(ax) == [f"loss: {words}"]


def test_the_text_changes_with_the_data(ax):
    (line,) = ax.plot([0, 1], [0.0, 0.25])
    before = describe(ax.figure)
    line.set_ydata([0.0, 0.75])
    after = describe(ax.figure)
    assert "0.25" in before and "0.75" not in before.splitlines()[0]
    assert "0.75" in after.splitlines()[0] and "to 0.75 at 1" in after and "0.25" not in after.splitlines()[0]


def test_texts_at_ends_of_curves_are_their_names(ax):
    for k, name in enumerate(("first", "second")):  # of one colour: the place decides
        ax.plot([0, 1], [k, 2 * k + 1], color="C0")
        plot.label_end(ax, 1, 2 * k + 1, name, "C0")
    ax.plot([0, 1], [5, 6], color="C1")
    ax.text(0.2, 3, "third", color="C1")  # the one text of its colour
    ax.plot([0, 1], [7, 7], color="C2")
    words = said(ax)
    assert words[:3] == ["first: rises from 0 at 0 to 1 at 1", "second: rises from 1 at 0 to 3 at 1",
                         "third: rises from 5 at 0 to 6 at 1"]  # fmt: skip
    assert words[3:] == ["A curve stays at 7 from 0 to 1"]


def test_styles_part_what_has_one_name(ax):
    for style in ("-", "--", "o"):
        ax.plot([0, 1, 2], [0, 1, 2], style, color="C3", label="path")
    assert [words.split(":")[0] for words in said(ax)] == ["path, solid", "path, dashed", "path, points"]


def test_runs_of_seeds_are_one_line_with_their_median(ax):
    curves = np.array([[0, 1, 2.0], [0, 2, 4], [0, 3, 9]])
    plot.curves_over_seeds(ax, np.arange(3), curves, "test", plot.COLORS["test"])
    assert said(ax) == [
        "test: 3 runs; their median rises from 0 at 0 to 4 at 2; the runs start at 0, end between 2 and 9, and lie "
        "within 0 to 9"
    ]
    ax.clear()
    ax.plot(np.arange(3), curves.T, color="black")
    assert said(ax) == ["3 curves start at 0, end between 2 and 9, and lie within 0 to 9"]


def test_paths_points_and_rounding(ax):
    ax.plot([0, 1, 0], [0, 1, 2])
    ax.plot([3], [1e-17], "o", label="end")
    angle = np.linspace(0, 2 * np.pi, 50)
    ax.plot(np.cos(angle), np.sin(angle), label="ring")
    words = said(ax)
    assert words[0] == "A curve from (0, 0) to (0, 2), within 0 to 1 by 0 to 2"
    assert words[1] == "end: a point at (3, 0)"
    assert words[2] == "ring: closed, within −0.998 to 1 by −0.999 to 0.999"


def test_points_bars_and_guides(ax):
    ax.scatter([1, 2, np.nan], [5, 6, 7], label="_", c="C1")
    ax.bar([0, 1, 2], [3, 8, 5], label="counts")
    ax.axhline(2)
    ax.axvline(0.5)
    ax.axline((0, 0), slope=2)
    assert said(ax) == [
        "counts: 3 bars at 0 to 2, sizes 3 to 8, the greatest at 1",
        "2 points within 1 to 2 by 5 to 6",
        "Guides: y = 2, x = 0.5, through (0, 0) of slope 2",
    ]
    assert describe(ax.figure).startswith("Ranges: values from 3 to 8.")  # guides are no data


def test_horizontal_bars_and_a_step(ax):
    ax.barh([1, 2], [4, 6])
    ax.hist([0.1, 0.2, 0.9], bins=2, range=(0, 1), histtype="step")
    assert said(ax)[0] == "2 bars at 1 to 2, sizes 4 to 6, the greatest at 2"
    assert said(ax)[1] == "An area within 0 to 1 by 0 to 2"


def test_images_and_colour_bars(ax):
    picture = ax.imshow([[0, 0.25], [0.5, 1]])
    bar = ax.figure.colorbar(picture)
    bar.set_label("cosine")
    assert "- An image of 2 by 2 cells, values 0 to 1." in describe(ax.figure)
    assert describe(ax.figure).endswith("Panel 2. Colour bar: cosine, 0 to 1.")
    ax.clear()
    ax.imshow(np.array([[[1.0, 0, 0], [0, 0, 1]]]))
    assert "An image of 1 by 2 cells in 2 colours" in describe(ax.figure)


def test_other_kinds_are_named(ax):
    grid = np.linspace(-1, 1, 5)
    x, y = np.meshgrid(grid, grid)
    ax.contour(x, y, x + y, levels=[-0.5, 0.5])
    ax.contour(x, y, x + y, levels=[0.25])
    ax.quiver([0.0], [0.0], [3.0], [4.0])
    ax.pcolormesh(x, y, x * y)
    ax.annotate("", (1, 1), (0, 0), arrowprops={"arrowstyle": "->"})
    ax.fill_between([0, 1], [0, 0], [1, 2], color="C5")
    ax.text(0, 0, "saddle")
    words = said(ax)
    for expected in ("2 level sets, heights −0.5 to 0.5", "The level set of height 0.25", "1 arrow, lengths 5 to 5",
                     "25 cells, values −1 to 1", "A band within 0 to 1 by 0 to 2", "1 arrow from (0, 0) to (1, 1)",
                     "Written: saddle"):  # fmt: skip
        assert expected in words


def test_three_axes():
    figure = plt.figure()
    ax = figure.add_subplot(projection="3d")
    ax.plot([0, 1], [0, 2], [0, 3])
    ax.plot_surface(*np.meshgrid([0.0, 1], [0.0, 1]), np.zeros((2, 2)))
    ax.set_zlabel("height")
    text = describe(figure)
    plt.close(figure)
    assert "z axis: height" in text and "- A surface." in text
    assert "- A curve from (0, 0, 0) to (1, 2, 3), within 0 to 1 by 0 to 2 by 0 to 3." in text


def test_what_is_empty_says_so(ax):
    assert describe(Figure()) == "An empty figure."
    assert describe(ax.figure).splitlines()[0] == "No data." and "Nothing is drawn." in describe(ax.figure)
    ax.plot([np.nan], [np.nan])
    assert describe(ax.figure).startswith("No data.")


def test_panels_share_labels_and_names():
    figure, (left, right) = plt.subplots(1, 2, sharey=True)
    for ax in (left, right):
        ax.plot([0, 1], [0, 1], color="C0")
        ax.plot([0, 1], [2, 1], color="C1")
    left.set_ylabel("error")
    plot.label_end(left, 1, 1, "ours", "C0")
    plot.label_end(left, 1, 1, "theirs", "C1")
    text = describe(figure)
    plt.close(figure)
    assert text.startswith("Ranges in 2 panels: error from 0 to 2; error from 0 to 2.")
    second = text.split("Panel 2.")[1]
    assert "y axis: error" in second and "- ours: rises" in second and "- theirs: falls" in second


def test_many_things_are_counted(ax):
    for k in range(20):
        ax.plot([0, 1], [k, k + 1], label=f"curve {k}")
    ax.figure.subplots(2, 3)
    text = describe(ax.figure)
    assert text.startswith("Ranges in 7 panels: values from 0 to 20.") and "- And 8 more." in text


def test_dates_and_names_on_axes_are_no_trouble(ax):
    ax.plot(np.array(["2026-01-01", "2026-01-02"], "datetime64"), [1, 2])
    assert "1 at" in describe(ax.figure)
    ax.clear()
    ax.plot(["a", "b"], [1, 2])
    assert said(ax) == ["A curve rises from 1 at 0 to 2 at 1"]


def test_a_notebook_carries_the_words_with_each_figure(monkeypatch):
    cells = ["from grokutil import plot\nplot.use_style()\nplot.use_style()",
             "_, ax = plot.panels()\nax.plot([0, 1], [0, 0.625], label='loss');",
             "plot.plt.figure();",
             "plot.panels()[1].text(0.1, 0.4, '|', fontsize=99, color=plot.COLORS['layer 2']);"]  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3").execute()
    none, (picture,), empty, (letter,) = (cell.outputs for cell in notebook.cells)
    assert none == []
    words = picture.data["text/plain"]
    assert "- loss: rises from 0 at 0 to 0.625 at 1." in words and picture.metadata["image/png"]["alt"] == words
    assert not any("image/png" in output.get("data", {}) for output in empty)
    pixels = Image.open(io.BytesIO(base64.b64decode(letter.data["image/png"]))).convert("RGB").getcolors(2**24)
    drawn = {"#{:02x}{:02x}{:02x}".format(*color) for _, color in pixels}
    orange = plot.COLORS["layer 2"].lower()
    assert plot.INK[orange] in drawn and orange not in drawn  # text in a colour that can be read


def test_a_figure_that_cannot_be_described_is_shown_all_the_same(monkeypatch):
    def fail(figure):
        raise TypeError("odd")

    monkeypatch.setattr(module, "describe", fail)
    with pytest.warns(UserWarning, match="could not be described"):
        data, metadata = module._Told(lambda figure: "picture")(Figure())
    assert data == "picture" and metadata["alt"].startswith("<Figure")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert module._Told(lambda figure: None)(Figure()) is None


@pytest.mark.parametrize("least", [1e-14, 1e-30, 1e-300])
def test_what_is_small_on_a_logarithmic_axis_is_told_and_on_a_linear_one_is_zero(ax, least):
    """A residual of 1e-14 is what such an axis is for; beside 1 on a linear axis it is rounding."""
    ax.semilogy([0, 1, 2], [1.0, 1e-3, least])
    digits = f"{least:.0e}".replace("-", "−")
    assert said(ax) == [f"A curve falls from 1 at 0 to {digits} at 2"]
    assert describe(ax.figure).startswith(f"Ranges: values from {digits} to 1")
    ax.set_yscale("linear")
    assert said(ax) == ["A curve falls from 1 at 0 to 0 at 2"]
    ax.clear()
    ax.loglog([least, 1.0], [1.0, 2.0])
    assert said(ax) == [f"A curve rises from 1 at {digits} to 2 at 1"]


@pytest.mark.parametrize("size", [3, 2_001, 100_000])
def test_a_curve_is_told_to_its_end_however_many_points_it_has(ax, size):
    ax.plot(np.arange(size), np.arange(size) % (size - 1))  # its greatest value stands before its end
    told = f"from 0 at 0 to 0 at {rounded(size - 1)}, greatest {rounded(size - 2)} at {rounded(size - 2)}"
    assert said(ax) == [f"A curve {told}"]


@pytest.mark.parametrize("count", range(2, 7))
def test_the_summary_of_panels_has_the_ranges_of_all_of_them(count):
    figure, panels = plt.subplots(1, count)
    for k, panel in enumerate(panels):
        panel.plot([0, 1], [k - 10, 100 - 7 * k])
    summary = describe(figure).splitlines()[0]
    plt.close(figure)
    spans = [f"{rounded(k - 10)} to {100 - 7 * k}" for k in range(count)]
    told = spans if count <= module.PANELS else ["−10 to 100"]
    assert summary == f"Ranges in {count} panels: {'; '.join(f'values from {span}' for span in told)}."
