"""HTTP: controllers, transports, access and errors. Litestar is known here and nowhere below."""
