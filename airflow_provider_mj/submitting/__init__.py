"""Paying at most once: what is written down, when it is taken up, and how a lost submission is found."""
