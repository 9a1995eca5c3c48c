"""What a processor returns: counts and histograms that add over chunks, and hold no box event."""
