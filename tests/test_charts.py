"""Charts: round ticks, labels that keep apart, colours that can be read, and ink where the data says."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from realdenoise.imaging import charts_text
from realdenoise.imaging.charts import Bar, Series, bar_chart, line_chart
from realdenoise.imaging.charts_axes import data_range, spread, tick_labels, ticks
from realdenoise.imaging.charts_canvas import DARK, LIGHT, Canvas, _contrast, _dashes

LABELS = {"title": "Title", "x_label": "x", "y_label": "y"}


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=12),
    st.floats(0.1, 8),
)
def test_spread_labels_keep_their_gap_and_order(wanted, gap):
    placed = spread(wanted, gap, 0, 100)
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    ranked = [placed[k] for k in order]
    assert min(ranked) >= -1e-9 and max(ranked) <= 100 + 1e-9
    assert all(b - a >= gap - 1e-9 for a, b in zip(ranked, ranked[1:], strict=False))


def test_spread_moves_nothing_that_has_room_and_shares_the_move_otherwise():
    assert spread([10, 50, 90], 5, 0, 100) == [10, 50, 90]
    assert spread([50, 50], 10, 0, 100) == [45, 55]
    assert spread([1, 2, 3], 60, 0, 100) == [0, 50, 100]


@given(st.floats(-1e5, 1e5), st.floats(1e-4, 1e5), st.integers(3, 9))
def test_ticks_are_round_inside_and_about_as_many_as_asked(low, span, count):
    marks = ticks(low, low + span, count)
    assert all(low - 1e-6 * span <= m <= low + span + 1e-6 * span for m in marks)
    assert count / 2 - 1 <= len(marks) <= 2 * count
    steps = {
        f"{(b - a) / 10 ** math.floor(math.log10(b - a) + 1e-9):.3g}" for a, b in zip(marks, marks[1:], strict=False)
    }
    assert steps <= {"1", "2", "2.5", "5", "10"}


def test_tick_labels_tell_ticks_apart_and_agree_in_their_decimals():
    assert tick_labels([0, 0.25, 0.5]) == ["0.00", "0.25", "0.50"]
    assert tick_labels([-10, 0, 10]) == ["−10", "0", "10"]
    assert tick_labels(ticks(0.01, 1000, 6, log=True)) == ["0.01", "0.1", "1", "10", "100", "1,000"]
    assert tick_labels([1e-6, 1e-5, 1e-4]) == ["10⁻⁶", "10⁻⁵", "10⁻⁴"]


def test_a_log_axis_of_one_decade_still_has_ticks():
    assert ticks(0.004, 0.03, 4, log=True) == pytest.approx([0.005, 0.01, 0.02])


def test_the_range_of_equal_or_unusable_values():
    low, high = data_range([3.0, 3.0, math.nan])
    assert low < 3 < high
    assert data_range([0.1, 10, -5], log=True, padding=0) == pytest.approx((0.1, 10))
    with pytest.raises(ValueError, match="nothing to draw"):
        data_range([math.nan, math.inf])


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_label_colour_can_be_read(theme):
    for index in range(len(theme.palette)):
        assert _contrast(theme.readable(theme.colour(index)), theme.background) >= 4.5
    assert _contrast(theme.muted, theme.background) >= 4.5


def test_contrast_of_black_and_white_is_21():
    assert _contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)


def test_dashes_cover_their_share_of_a_bent_line():
    pieces = _dashes([(0, 0), (30, 0), (30, 30)], (4, 2))
    length = sum(math.dist(a, b) for piece in pieces for a, b in zip(piece, piece[1:], strict=False))
    assert length == pytest.approx(40) and len(pieces) == 10


def test_signs_the_font_lacks_are_drawn_and_the_rest_is_spelled():
    assert charts_text.spell("σ = 25 × 10⁻³ – café β 中") == "σ = 25 × 10⁻³ - cafe beta ?"
    canvas = Canvas(200, 200, LIGHT)
    canvas.text(20, 100, "σα×−→", 40, (0, 0, 0))
    dark = (canvas.tensor()[0, :, :, 0] < 0.5).any(dim=0).nonzero()
    assert dark.min() >= 20 and dark.max() <= 20 + canvas.text_width("σα×−→", 40)
    assert charts_text.width("σσ", 20) == pytest.approx(2 * charts_text.width("σ", 20))


def test_fitted_text_is_never_wider_than_its_room():
    canvas = Canvas(200, 200, LIGHT)
    long = canvas.fit("a denoiser with a very long name", 14, 100)
    assert long.endswith("…") and canvas.text_width(long, 14) <= 100
    assert canvas.fit("short", 14, 100) == "short"


@pytest.mark.parametrize("dark", [False, True])
def test_a_line_is_drawn_where_its_values_are(dark):
    chart = line_chart(
        [Series("flat", [0, 10], [5, 5], markers=False)], **LABELS, y_range=(0, 10), dark=dark, width=500, height=400
    )
    assert chart.shape == (1, 400, 500, 3) and chart.dtype == torch.float32
    colour = torch.tensor((DARK if dark else LIGHT).colour(0)) / 255
    rows, columns = ((chart[0] - colour).abs().amax(-1) < 0.02)[:, :400].nonzero().T  # the label is right of 400
    assert rows.max() - rows.min() <= 4
    gridlines = (
        (chart[0, :, 300] - torch.tensor((DARK if dark else LIGHT).grid) / 255).abs().amax(-1) < 0.02
    ).nonzero()
    assert gridlines.min() < rows.min() < gridlines.max()
    assert columns.max() - columns.min() > 200


def test_a_gap_in_the_data_is_a_gap_in_the_line():
    x = list(range(60))
    whole = line_chart([Series("a", x, [1.0] * 60, markers=False)], **LABELS)
    holed = line_chart([Series("a", x, [math.nan if 20 < k < 40 else 1.0 for k in x], markers=False)], **LABELS)
    blue = torch.tensor(LIGHT.colour(0)) / 255

    def inked(chart):
        return int(((chart[0, :, :880] - blue).abs().amax(-1) < 0.02).sum())

    assert inked(holed) / inked(whole) == pytest.approx(39 / 59, abs=0.02)


def test_bars_are_as_long_as_their_values():
    chart = bar_chart([Bar("a", 10.0), Bar("b", 5.0), Bar("c", -2.0)], title="Title", x_label="gain (dB)")
    blue = torch.tensor(LIGHT.colour(0)) / 255
    lengths = ((chart[0] - blue).abs().amax(-1) < 0.02).sum(dim=1)
    longest, middle, shortest = sorted(set(lengths.tolist()) - {0}, reverse=True)[:3]
    assert middle / longest == pytest.approx(0.5, abs=0.01) and shortest / longest == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: line_chart([], **LABELS), "at least one series"),
        (lambda: line_chart([Series("a", [1], [1, 2])], **LABELS), "1 x values and 2 y values"),
        (lambda: line_chart([Series("a", [1], [1])], **LABELS, y_range=(2, 1)), "must rise"),
        (lambda: line_chart([Series("a", [1], [-1])], **LABELS, log_y=True), "above zero"),
        (lambda: line_chart([Series("a", [1], [1])], **LABELS, width=10), "160x160"),
        (lambda: bar_chart([Bar("a", math.inf)], title="t", x_label="x"), "finite"),
        (lambda: bar_chart([], title="t", x_label="x"), "at least one bar"),
    ],
)
def test_what_cannot_be_drawn_is_said(call, problem):
    with pytest.raises(ValueError, match=problem):
        call()
