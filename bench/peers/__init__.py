"""Programs that we compare with: they do the same job in the usual way, on the same server. They are not part of the product."""
