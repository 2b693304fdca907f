"""Services that run beside the web server, in the shape of `service.py`, and their parts: they seal, follow, fan out."""
