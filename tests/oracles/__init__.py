"""Stored numbers of other libraries, and the scripts that computed them."""
