"""The fixtures of the whole suite are plugins, one file a topic, in `fixtures/`."""

pytest_plugins = ("fixtures.server", "fixtures.database")
