"""Background in the signal box: numbers in, numbers with uncertainties out."""
