"""What our figures are printed beside: the same job done the plain way, on the same server. Never part of the product."""
