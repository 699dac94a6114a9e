"""What saving pictures costs, beside bare loops. See ``make bench-images``."""
