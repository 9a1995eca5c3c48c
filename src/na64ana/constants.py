"""Physical constants, each with its source.

Values are from the Review of Particle Physics (S. Navas et al., PRD 110 (2024) 030001), tables
"Physical constants" and "Atomic and nuclear properties of materials", unless stated otherwise.
"""

#: Fine-structure constant at zero momentum transfer.
ALPHA = 1.0 / 137.035999
#: Electron mass [GeV].
M_E = 0.51099895e-3
#: Masses of muon and tau [GeV].
M_MU, M_TAU = 0.1056583755, 1.77693
#: Masses of the charged pion, the neutral pion and the charged kaon [GeV].
M_PION, M_PI0, M_KAON = 0.13957039, 0.1349768, 0.493677
#: c tau [mm] of muon, charged pion and charged kaon: 2.1969811 us, 26.033 ns, 12.380 ns.
C_TAU_MU, C_TAU_PION, C_TAU_KAON = 6.586384e5, 7804.5, 3711.4
#: Branching ratios of pi -> e nu and K -> pi0 e nu.
BR_PION_E, BR_KAON_E3 = 1.230e-4, 5.07e-2
#: hbar c [GeV mm].
HBAR_C = 1.973269804e-13
#: Atomic mass unit [GeV].
M_U = 0.93149410
#: Avogadro's number [1/mol].
N_AVOGADRO = 6.02214076e23
#: Conversion of a cross section from GeV^-2 to cm^2.
GEV2_TO_CM2 = 3.893794e-28
#: Conversion of a cross section from GeV^-2 to pb.
GEV2_TO_PB = 3.893794e8

#: Energy of the electron beam [GeV], runs I-V in invisible mode (PRL 131 (2023) 161801).
BEAM_ENERGY = 100.0

#: Lead: atomic number, molar mass [g/mol], density [g/cm^3], radiation length [g/cm^2].
PB_Z = 82
PB_A = 207.2
PB_DENSITY = 11.35
PB_X0 = 6.37
#: Polystyrene scintillator: density [g/cm^3], radiation length [g/cm^2].
SCINTILLATOR_DENSITY = 1.06
SCINTILLATOR_X0 = 43.79

#: Planck mass, 1/sqrt(G) [GeV].
PLANCK_MASS = 1.220890e19
#: Cold dark matter, Omega_c h^2 = 0.1200 +- 0.0012 (Planck 2018, A&A 641 (2020) A6, table 2).
OMEGA_C_H2 = 0.1200
#: Critical density over h^2 [GeV/cm^3].
CRITICAL_DENSITY = 1.053672e-5
#: Temperature of the microwave background, 2.7255 K, times k = 8.617333e-14 GeV/K [GeV].
T_CMB = 2.7255 * 8.617333e-14
