"""The kill test: whether a submission is paid at most once, whenever and whatever is killed."""
