import math

import pytest

from na64ana.units import UNITS, parse_quantity


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("50 GeV", "energy", 50.0),
        ("1MeV", "energy", 1e-3),
        ("2.5e2 keV", "energy", 2.5e-4),
        ("3 mrad", "angle", 3e-3),
        ("180 deg", "angle", math.pi),
        ("4.3e10 EOT", "eot", 4.3e10),
        ("45 %", "fraction", 0.45),
        ("-3 mm", "length", -3.0),
        ("1.5 us", "time", 1500.0),
    ],
)
def test_a_written_quantity_becomes_internal(text, dimension, value):
    assert parse_quantity(text, dimension) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "dimension", "said"),
    [
        ("50", "energy", "has no unit; allowed: keV, MeV, GeV, TeV"),
        (50, "energy", "has no unit"),
        ("50 mm", "energy", "has the unit 'mm'; allowed: keV, MeV, GeV, TeV"),
        ("fifty GeV", "energy", "is no quantity"),
        ("", "energy", "is no quantity"),
        (None, "energy", "is no quantity"),
        (True, "fraction", "is no quantity"),
        ("nan GeV", "energy", "is no quantity"),
        ("1 GeV 2", "energy", "is no quantity"),
        (4.3e10, "eot", "has no unit; allowed: EOT"),
        (0.45, "fraction", "has no unit; allowed: %"),
    ],
)
def test_what_is_refused_names_the_units(text, dimension, said):
    with pytest.raises(ValueError, match=said):
        parse_quantity(text, dimension)


def test_every_dimension_has_its_internal_unit():
    internal = {"energy": "GeV", "length": "mm", "time": "ns", "angle": "rad"}
    assert all(UNITS[dimension][unit] == 1.0 for dimension, unit in internal.items())
