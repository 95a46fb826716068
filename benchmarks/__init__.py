"""Speed, as ratios measured in one run; run with ``make bench``."""
