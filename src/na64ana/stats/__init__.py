"""The likelihood and its limits: numbers in, frozen result objects out."""
