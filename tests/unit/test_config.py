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
        ("    - power_law", "    - gaussian", "'power_law'"),
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


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (
            "{name: a, observable: e_seal, max: 1 GeV, reason: b}",
            "unknown observable 'e_seal'; did you mean 'e_ecal'? Known: physics_trigger",
        ),
        ("{name: a, observable: e_ecal, max: 1, reason: b}", "'1' has no unit"),
        ("{name: a, observable: e_ecal, reason: b}", "give min, max or both"),
        ("{name: a, observable: f_prs, min: 0.3, max: 0.2, reason: b}", "min is not below max"),
        ("{name: a, observable: f_prs, min: high, reason: b}", "unable to parse string"),
        ("{name: trigger, observable: f_prs, max: 1, reason: b}", "'trigger' is taken"),
        ("{name: a, observable: f_prs, max: 1}", "this key is missing"),
        (
            "{name: a, observable: f_prs, most: 1, max: 1, reason: b}",
            "unknown key. Allowed: max",
        ),
    ],
)
def test_a_mistake_in_a_cut_of_the_user_is_named(tmp_path, window, said):
    quiet = "    hcal_quiet: {e_hcal_max: 1 GeV}\n"
    path, line = edited(tmp_path, quiet, f"    windows:\n      - {window}\n{quiet}")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    text = str(caught.value)
    assert said.replace("'1'", "1") in text
    where = int(text.removeprefix(f"{path}:").split(":")[0])
    assert line <= where <= line + 1


def test_a_cut_of_the_user_has_internal_units(tmp_path):
    quiet = "    hcal_quiet: {e_hcal_max: 1 GeV}\n"
    window = "windows: [{name: a, observable: theta_in, min: 1 mrad, max: 2 mrad, reason: b}]"
    path, _ = edited(tmp_path, quiet, f"    {window}\n{quiet}")
    (own,) = load_config(path).selections["runs_I_III"].windows
    assert (own.min, own.max) == pytest.approx((1e-3, 2e-3))


def test_two_cuts_of_one_name_are_refused(tmp_path):
    quiet = "    hcal_quiet: {e_hcal_max: 1 GeV}\n"
    one = "{name: a, observable: f_prs, max: 0.2, reason: b}"
    path, _ = edited(tmp_path, quiet, f"    windows: [{one}, {one}]\n{quiet}")
    with pytest.raises(ConfigError, match="the name 'a' stands twice"):
        load_config(path)


def test_a_cut_that_is_null_is_not_made(tmp_path):
    path, _ = edited(tmp_path, "impact_cell: {distance_max: 1}", "impact_cell: null")
    assert load_config(path).selections["runs_IV_V"].impact_cell is None


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


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("queue: main", "queu: main", r"sites\.slurm\.queu: unknown key; did you mean 'queue'\?"),
        ("disk: 5 GB", "disk: 5", r"sites\.lxplus\.disk: 5 has no unit"),
        ("kind: slurm", "kind: lsf", r"sites\.slurm: .*'htcondor'"),
        ("adaptive: true ", "e_ecal_edges: [1 GeV] ", r"sites\.slurm\.e_ecal_edges: unknown key"),
        ("  n_toys: 20000", "  e_ecal_edges: [60 GeV]\n  n_toys: 20000", "e_ecal_edges: must rise"),
    ],
)
def test_mistakes_in_sites_and_bins_name_their_line(tmp_path, old, new, said):
    path = tmp_path / "mine.yaml"
    path.write_text(shipped_path("datasets.yaml").read_text().replace(old, new, 1))
    with pytest.raises(ConfigError, match=rf"mine\.yaml:\d+: .*{said}"):
        load_config(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format: 1\nsites: &a {b: *a}\n", ":2: .*sites.b contains itself by an alias"),
        ("a: " + "[" * 3000 + "]" * 3000, "too deep in one another"),
        (
            "a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
            + "".join(f"a{i + 1}: &a{i + 1} [" + f"*a{i}," * 9 + "]\n" for i in range(9)),
            "more than 100,000 keys",
        ),
    ],
)
def test_aliases_cannot_be_turned_against_a_reader(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(path)
