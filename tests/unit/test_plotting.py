"""What is drawn are the numbers of the results; pixels are not compared."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure

from na64ana.config.reference import load_reference
from na64ana.plotting.limit import plot_limit
from na64ana.plotting.parameters import plot_parameters
from na64ana.plotting.plane import plot_plane
from na64ana.plotting.style import figure
from na64ana.stats.curve import LimitCurve
from na64ana.stats.model import EventLimit
from na64ana.stats.parameters import Parameter
from na64ana.tally.regions import Box
from na64ana.tally.tally import make_plane


def make_curve(method: str, observed: float | None, expected) -> LimitCurve:
    limit = EventLimit(method, 0.9, observed, expected)
    masses, epsilon_0 = np.array([1e-3, 1e-2, 0.1]), np.array([1e-6, 1e-5, 1e-4])
    return LimitCurve(method, 0.9, masses, epsilon_0, (limit,) * 3)


def lines(ax) -> dict[str, np.ndarray]:
    return {line.get_label(): line.get_xydata() for line in ax.get_lines()}


def test_the_limit_is_drawn_as_it_is():
    curve = make_curve("marginalised", 4.0, (2.3, 2.3, 4.0, 6.0, 9.0))
    asymptotic = make_curve("asymptotic", 1.0, None)
    reference = load_reference("na64_2023")
    ax = plot_limit(
        curve, Figure().add_subplot(), beside=[asymptotic], references=[reference], title="t"
    )
    drawn = lines(ax)
    assert drawn["observed, marginalised"] == pytest.approx(
        np.array([[1e-3, 2e-6], [1e-2, 2e-5], [0.1, 2e-4]])
    )
    assert drawn["observed, asymptotic"][:, 1] == pytest.approx([1e-6, 1e-5, 1e-4])
    assert drawn["expected median"][:, 1] == pytest.approx([2e-6, 2e-5, 2e-4])
    assert drawn[reference.label] == pytest.approx(np.array(reference.points))
    assert ax.get_xlabel().endswith("[GeV]")
    assert "90 % CL" in ax.get_legend().get_title().get_text()
    assert len(ax.collections) == 2  # the bands


def test_a_closed_box_has_no_observed_line():
    ax = plot_limit(make_curve("marginalised", None, (1, 2, 3, 4, 5)), Figure().add_subplot())
    assert list(lines(ax)) == ["expected median"]


def test_the_plane_is_drawn_as_it_is():
    plane = make_plane().fill([10.5, 10.5, 80.5], [85.5, 85.5, 15.5])
    ax = Figure().add_subplot()
    plot_plane(plane, ax, box=Box(50.0, 1.0), vmax=2.0, title="all cuts")
    drawn = ax.collections[0].get_array()
    assert np.nansum(drawn) == 3
    assert drawn[85, 10] == 2
    assert drawn[15, 80] == 1
    assert {text.get_text() for text in ax.texts} == {"A", "C", "signal box"}
    assert ax.patches[0].get_width() == 50.0


def test_both_changes_of_a_parameter_are_seen():
    """Where -1 and +1 move the limit the same way, neither bar hides the other."""
    changes = [(0.21, -0.19), (0.04, 0.07), (-0.0199, -0.0975)]
    parameters = [Parameter(str(i), 0.0, 1.0, 0.0, (0.0, 0.0), c) for i, c in enumerate(changes)]
    pulls, impacts = Figure().subplots(1, 2, sharey=True)
    plot_parameters(parameters, pulls, impacts)
    bars = sorted((bar.get_y(), bar.get_height(), bar.get_width()) for bar in impacts.patches)
    assert len(bars) == 6
    assert all(y + height < above for (y, height, _), (above, _, _) in pairwise(bars))
    # from top to bottom, -1 above +1, in per cent of epsilon
    expected = [100 * (np.sqrt(1 + x) - 1) for change in changes for x in change]
    assert [width for *_, width in reversed(bars)] == pytest.approx(expected)


def test_a_figure_is_a_png(tmp_path):
    with figure(tmp_path / "a.png", 4, 3) as fig:
        fig.add_subplot().plot([1, 2])
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
