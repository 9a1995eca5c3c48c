"""`na64ana yields`, as it is typed."""

import csv
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_yields_are_printed_and_written(run):
    code, out, err = run(
        "yields", "--mass", "20 MeV", "--mass", "0.25 GeV", "--mass", "900 MeV", "--output", "out"
    )
    assert code == 0, err
    assert "dirac dark matter, alpha_D 0.1" in out
    assert "annihilation makes 0.32 GeV, 2 m_chi is 0.6 GeV" in out
    found = rows(Path("out/yields.csv"))
    assert [float(row["m_ap_GeV"]) for row in found] == [0.02, 0.25, 0.9]
    assert [bool(row["closed"]) for row in found] == [False, False, True]
    assert float(found[2]["annihilation_in_box"]) == 0
    made, kept = (
        np.array([float(row[f"bremsstrahlung_{kind}"]) for row in found])
        for kind in ("made", "in_box")
    )
    assert (np.diff(made) < 0).all()
    assert ((kept > 0.8 * made) & (kept < made)).all()
    for row in found:
        parts = [float(v) for k, v in row.items() if k.startswith("yield_") and k != "yield_total"]
        assert len(parts) == 6
        assert np.sqrt(np.square(parts).sum()) == pytest.approx(float(row["yield_total"]), rel=1e-4)
        # the sum of what is known lies below the published 10 %
        assert 0.03 < float(row["yield_total"]) < 0.10
    spectra = rows(Path("out/spectra.csv"))
    for row in found:
        inside = [
            float(one["yield"])
            for one in spectra
            if one["m_ap_GeV"] == row["m_ap_GeV"] and float(one["e_ecal_high_GeV"]) <= 50
        ]
        whole = float(row["bremsstrahlung_in_box"]) + float(row["annihilation_in_box"])
        assert sum(inside) == pytest.approx(whole, rel=1e-3)
    for name in ("yields.png", "spectra.png"):
        image = imread(f"out/{name}")
        assert image.shape[0] > 500
        assert image[..., :3].std() > 0.05
    code, _, err = run("yields", "--mass", "20 MeV", "--output", "out")
    assert code == 1
    assert "exists already" in err


@pytest.mark.slow
def test_other_models(run):
    code, out, err = run("yields", "--mediator", "S", "--mass", "10 MeV")
    assert code == 0, err
    assert "10 MeV: annihilation is computed for vectors, not for S" in out
    assert "published, and used by limits: 10%" in " ".join(out.split())
    code, out, err = run(
        "yields", "--beam", "e+", "--beam-energy", "70 GeV", "--e-ecal-max", "35 GeV",
        "--dark-matter", "scalar", "--alpha-d", "0.5", "--mass-ratio", "0.25", "--mass", "200 MeV",
    )  # fmt: skip
    assert code == 0, err
    assert "Beam e+ of 70 GeV" in out
    assert "scalar dark matter, alpha_D 0.5, m_chi/m_A' 0.25" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--mass", "5 GeV"), "must rise, and lie in 1e-06 to 3 GeV"),
        (("--alpha-d", "2"), "alpha_D = 2 must lie above 0 and not above 1"),
        (("--mass-ratio", "0"), "must be positive"),
        (("--beam-energy", "300 GeV"), "beam energy 300 GeV lies outside 20 to 200 GeV"),
        (("--beam-energy", "8 GeV"), "lies outside"),
        (("--e-ecal-max", "96 GeV"), "must lie above 1.5 and not above 95 GeV"),
        (("--e-ecal-max", "1 GeV"), "must lie above 1.5 and not above 95 GeV"),
    ],
)
def test_mistakes_are_one_line(run, arguments, said):
    code, _, err = run("yields", *arguments)
    assert code == 1
    assert said in err
    assert err.count("\n") == 1


def test_a_mass_without_unit_is_wrong_usage(run):
    code, _, err = run("yields", "--mass", "20")
    assert code == 2
    assert "has no unit" in err
