"""A shard in Python: one tool, one request.

An error of the contract is raised as `Err`. Any other exception traps: the instance is gone, and its traceback becomes
log lines of the host. All imports stand at the top, because only modules loaded while building are in the component.
"""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.tools import Annotations, CallContext, Category, Outcome, Outcome_Done, Tool
from wit_world.imports import egress
from wit_world.imports.types import (
    Output,
    Refusal,
    ToolError_InvalidArguments,
    ToolError_NotFound,
    ToolError_Refused,
    ToolError_Upstream,
)

USERS = "https://graph.microsoft.com/v1.0/users?$select=displayName&$top={}"

NO_ANSWER = {Refusal.BUSY, Refusal.TIMEOUT, Refusal.UNREACHABLE, Refusal.UNTRUSTED, Refusal.BAD_REPLY}

COUNT_USERS = Tool(
    name="py_count_users",
    title="Count users (Python)",
    description="Reads up to `top` users of the directory and returns their number and names.",
    input_schema=json.dumps({
        "type": "object",
        "properties": {
            "top": {
                "type": "integer",
                "minimum": 1,
                "maximum": 999,
                "default": 5,
                "description": "How many users to read at most.",
            },
        },
        "additionalProperties": False,
    }),
    output_schema=json.dumps({
        "type": "object",
        "properties": {
            "count": {"type": "integer"},
            "names": {"type": "array", "items": {"type": "string", "x-nexus-class": "person"}},
        },
        "required": ["count", "names"],
        "additionalProperties": False,
    }),
    category=Category.READ,
    annotations=Annotations(read_only=True, destructive=False, idempotent=True, open_world=True),
)


class Tools(exports.Tools):
    def list_tools(self) -> list[Tool]:
        return [COUNT_USERS]

    def call_tool(self, name: str, arguments: str, context: CallContext) -> Outcome:
        if name != COUNT_USERS.name:
            raise Err(ToolError_NotFound("this shard has no such tool"))
        names = [user["displayName"] for user in read_users(read_top(arguments)) if has_name(user)]
        data = json.dumps({"count": len(names), "names": names}, ensure_ascii=False)
        return Outcome_Done(Output(data=data, content=[], complete=True, notes=[]))


def read_top(arguments: str) -> int:
    top = json.loads(arguments).get("top", 5)
    # A bool is an int in Python.
    if not isinstance(top, int) or isinstance(top, bool) or not 1 <= top <= 999:
        raise Err(ToolError_InvalidArguments("top is a whole number from 1 to 999"))
    return top


def read_users(top: int) -> list:
    try:
        request = egress.Request(method="GET", url=USERS.format(top), headers=[], body=None, credential="graph")
        reply = egress.send(request)
    except Err as error:
        if error.value in NO_ANSWER:
            raise Err(ToolError_Upstream("the directory did not answer")) from None
        raise Err(ToolError_Refused("the host refused the request to the directory")) from None
    if reply.status != 200:
        raise Err(ToolError_Upstream(f"the directory answered {reply.status}"))
    try:
        page = json.loads(reply.body)
    except ValueError:
        page = None
    # An answer without the list is a failure and no empty directory.
    if not isinstance(page, dict) or not isinstance(page.get("value"), list):
        raise Err(ToolError_Upstream("the directory's answer is not a list of users"))
    return page["value"]


def has_name(user) -> bool:
    return isinstance(user, dict) and isinstance(user.get("displayName"), str)
