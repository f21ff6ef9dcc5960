"""Calls a server with the official Python SDK and prints what it saw, as one JSON object.

    sdk_client.py MODE URL
    sdk_client.py MODE -- COMMAND ARGUMENT...

MODE is how the SDK agrees on a protocol version: `auto`, `legacy`, or a version. Standard input is a JSON list of calls,
`[["tool", {"argument": 1}], ...]`. Questions of a tool are answered with "Ada".
"""

import asyncio
import json
import sys

from mcp import Client, StdioServerParameters
from mcp.types import ElicitResult


async def answer(_context, params):
    properties = params.requested_schema["properties"]
    return ElicitResult(action="accept", content={name: "Ada" for name in properties})


async def main(mode, server, calls):
    async with Client(server, mode=mode, elicitation_callback=answer, read_timeout_seconds=60) as client:
        seen = {
            "protocol": client.protocol_version,
            # Nobody says who the server is where a version was taken for granted.
            "server": client.server_info.name if client.server_info else None,
            "tools": [dump(tool) for tool in (await client.list_tools()).tools],
            "results": [],
        }
        for tool, arguments in calls:
            reports = []

            async def report(progress, total, message):
                reports.append([progress, total, message])

            try:
                result = dump(await client.call_tool(tool, arguments, progress_callback=report))
            except Exception as error:  # What the SDK makes of a protocol error, or of a result it does not accept.
                result = {"raised": f"{type(error).__name__}: {error}"}
            seen["results"].append({**result, "progress": reports})
    print(json.dumps(seen))


def dump(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


mode, server, *command = sys.argv[1:]
if server == "--":
    server = StdioServerParameters(command=command[0], args=command[1:])
asyncio.run(main(mode, server, json.load(sys.stdin)))
