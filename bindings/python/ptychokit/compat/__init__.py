"""The names of other packages over this one, for scripts that were written for them."""
