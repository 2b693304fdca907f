"""How the rivals in Python are served: uvicorn as Tailboard has it, on a free port that is printed when it listens."""

import asyncio
import socket
from typing import Any

import uvicorn
import uvloop


def serve(application: Any) -> None:
    uvloop.run(_serve(application))


async def _serve(application: Any) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            log_level="error",
            access_log=False,
            lifespan="on",
        )
    )
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started and not serving.done():  # noqa: ASYNC110  uvicorn tells nobody
        await asyncio.sleep(0.01)
    print(f"ready: http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
    await serving
