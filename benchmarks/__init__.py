"""What waiting and importing cost, side by side with the alternatives. See ``make bench``."""
