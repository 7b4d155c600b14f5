"""From bars to the numbers a network reads: indicators, fuzzy memberships, the feature matrix."""
