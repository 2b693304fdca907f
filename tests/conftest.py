"""The fixtures of the whole suite are plugins, one file a topic, in `fixtures/`."""

from hypothesis import HealthCheck, settings

# How long an example takes says something of the machine, which may be busy, and nothing of the code.
settings.register_profile("tailboard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tailboard")

pytest_plugins = ("fixtures.server", "fixtures.database")
