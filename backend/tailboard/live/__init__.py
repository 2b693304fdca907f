"""Services that run beside the web server: they seal, follow, fan out. Every one has the shape of `service.py`."""
