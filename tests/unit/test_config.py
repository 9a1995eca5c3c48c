import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from na64ana.config import load_config
from na64ana.config.reference import load_reference
from na64ana.config.shipped import shipped_path
from na64ana.errors import ConfigError


def edited(tmp_path: Path, old: str, new: str) -> tuple[Path, int]:
    """Return a copy of datasets.yaml with its first `old` replaced, and the line of it."""
    text = shipped_path("datasets.yaml").read_text()
    assert old in text
    path = tmp_path / "datasets.yaml"
    path.write_text(text.replace(old, new, 1))
    return path, text[: text.index(old)].count("\n") + 1


def test_the_shipped_periods_are_the_published_ones(config):
    assert list(config.periods) == ["I", "II", "III", "IV", "V"]
    assert [period.year for period in config.periods.values()] == [2016, 2017, 2018, 2021, 2022]
    eot = {name: period.eot for name, period in config.periods.items()}
    assert sum(eot.values()) == pytest.approx(9.37e11)  # PRL 131 (2023) 161801
    assert eot["I"] + eot["II"] + eot["III"] == pytest.approx(2.83e11)
    assert eot["IV"] + eot["V"] == pytest.approx(6.54e11)
    assert config.groups() == {"I-III": ("I", "II", "III"), "IV-V": ("IV", "V")}


def test_quantities_are_internal(config):
    cuts = config.selection_of("V")
    assert cuts.single_track.theta_in_max == pytest.approx(3e-3)  # rad
    assert cuts.srd_electron.e_srd_max == pytest.approx(0.1)  # GeV
    assert config.selection_of("I").single_track.p_track_min == pytest.approx(97.0)


def test_published_backgrounds_add_up(config):
    """Printed totals: 0.53 (UFN 191 (2021) 1361) and 0.51 (PRL 131 (2023) 161801, Table I)."""
    sums = {
        group: sum(b.events for b in content.backgrounds.values())
        for group, content in config.published.items()
    }
    assert sums["I-III"] == pytest.approx(0.53, abs=0.003)
    assert sums["IV-V"] == pytest.approx(0.51)


def test_the_configuration_is_immutable(config):
    with pytest.raises(ValidationError, match="frozen"):
        config.periods["I"].eot = 1.0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    eot: 4.3e10 EOT", "    eott: 4.3e10 EOT", "did you mean 'eot'? Allowed: e_ecal_max"),
        ("    eot: 4.3e10 EOT", "    eot: 4.3e10", "has no unit; allowed: EOT"),
        ("    eot: 4.3e10 EOT", "    eot: -4.3e10 EOT", "greater than 0"),
        ("    e_ecal_max: 50 GeV", "    e_ecal_max: 50 m", "allowed: keV, MeV, GeV, TeV"),
        ("{first: 2467, last: 3465}", "{first: 2400, last: 3465}", "overlap with period I, "),
        ("{first: 2467, last: 3465}", "{first: 3465, last: 2467}", "the last run comes before"),
        ("selection: runs_IV_V", "selection: runs_VI", "Allowed: runs_I_III, runs_IV_V"),
        ("group: IV-V", "group: VI", "Allowed: I-III, IV-V"),
        ("families: [exponential, ", "families: [gaussian, ", "'power_law'"),
        ("theta_in_max: 3 mrad", "theta_in_max: 0.003", "has no unit; allowed: urad, mrad"),
        ("    efficiency: 50 %", "    efficiency: 150 %", "less than or equal to 1"),
        ("    year: 2016", "    year: soon", "not 'soon'"),
        ("sideband_c_max: 86 GeV", "sideband_c_max: 40 GeV", "50 GeV is not below"),
        ("signal_error: 15 %", "signal_error: 5 %", "smaller than yield_error"),
        ("mass_min: 1 MeV", "mass_min: 10 GeV", "mass_min is not below mass_max"),
        ("confidence_level: 90 %", "confidence_level: 100 %", "between 0 and 100 %"),
        ("confidence_level: 90 %", "confidence_level: 0.9", "has no unit; allowed: %"),
        ("p_track_min: 97 GeV", "p_track_min: 107 GeV", "p_track_min is not below p_track_max"),
        ("bin_width: 2 GeV", "bin_width: 1 keV", "greater than or equal to 0.1"),
        ("format: 1", "format: 2", "input should be 1"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(tmp_path, old, new, said):
    path, line = edited(tmp_path, old, new)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    named = int(re.match(rf"{re.escape(str(path))}:(\d+): ", message)[1])
    if "sideband" not in old:  # that one is found where it clashes
        assert named in (line, line - 1, line + 1)
    assert said in message
    assert "\n" not in message


def test_a_missing_key_is_named(tmp_path):
    path, _ = edited(tmp_path, "    year: 2016\n", "")
    with pytest.raises(ConfigError, match=r"periods\.I\.year: this key is missing"):
        load_config(path)


def test_a_key_that_stands_twice_is_refused(tmp_path):
    path, line = edited(tmp_path, "    year: 2016\n", "    year: 2016\n    year: 2017\n")
    with pytest.raises(ConfigError, match=f":{line + 1}: .*'year' stands twice"):
        load_config(path)


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "!!python/object:os.system {}", "", "1"])
def test_what_is_no_configuration_is_refused(tmp_path, text):
    path = tmp_path / "datasets.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        load_config(path)


def test_an_unreadable_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "binary.yaml")


def test_the_published_curve_says_where_it_comes_from():
    curve = load_reference("na64_2023")
    assert curve.doi == "10.1103/PhysRevLett.131.161801"
    assert curve.axes == ("m_ap_GeV", "epsilon")
    assert len(curve.points) == 5
