"""From limits on the dark photon to what they mean for dark matter."""
