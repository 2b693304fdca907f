"""Litestar's channels with its psycopg backend; a channel is `jobs`, or `jobs_` and a queue's name."""

import sys

from litestar import Litestar
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.psycopg import PsycoPgChannelsBackend
from serving import serve

if __name__ == "__main__":
    channels = ChannelsPlugin(
        PsycoPgChannelsBackend(sys.argv[1]),
        arbitrary_channels_allowed=True,
        create_ws_route_handlers=True,
    )
    serve(Litestar(plugins=[channels], openapi_config=None, logging_config=None))
