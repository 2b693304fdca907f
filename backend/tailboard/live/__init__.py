"""What runs beside the web server: services in the shape of `service.py`, which seal, follow and fan out."""
