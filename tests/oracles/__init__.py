"""Numbers from elsewhere, with the scripts that made them."""
