// A shard in JavaScript: one tool, one request.
//
// An error of the contract is thrown as the plain object that the contract declares. An `Error` is none of its cases, so
// it would trap, and with it the instance would be gone.

import { send } from "nexus:shard/egress@0.1.0";

const USERS = "https://graph.microsoft.com/v1.0/users?$select=displayName&$top=";

const countUsers = {
  name: "js_count_users",
  title: "Count users (JavaScript)",
  description: "Reads up to `top` users of the directory and returns their number and names.",
  inputSchema: JSON.stringify({
    type: "object",
    properties: {
      top: { type: "integer", minimum: 1, maximum: 999, default: 5, description: "How many users to read at most." },
    },
    additionalProperties: false,
  }),
  outputSchema: JSON.stringify({
    type: "object",
    properties: {
      count: { type: "integer" },
      names: { type: "array", items: { type: "string", "x-nexus-class": "person" } },
    },
    required: ["count", "names"],
    additionalProperties: false,
  }),
  category: "read",
  annotations: { readOnly: true, destructive: false, idempotent: true, openWorld: true },
};

export const tools = {
  listTools() {
    return [countUsers];
  },

  callTool(name, args, _context) {
    if (name !== countUsers.name) {
      throw toolError("not-found", "this shard has no such tool");
    }
    const users = readUsers(readTop(args));
    const names = users.map((user) => user?.displayName).filter((name) => typeof name === "string");
    const data = JSON.stringify({ count: names.length, names });
    return { tag: "done", val: { data, content: [], complete: true, notes: [] } };
  },
};

function readTop(args) {
  const { top = 5 } = JSON.parse(args);
  if (!Number.isInteger(top) || top < 1 || top > 999) {
    throw toolError("invalid-arguments", "top is a whole number from 1 to 999");
  }
  return top;
}

function readUsers(top) {
  const reply = ask({ method: "GET", url: USERS + top, headers: [], body: undefined, credential: "graph" });
  if (reply.status !== 200) {
    throw toolError("upstream", `the directory answered ${reply.status}`);
  }
  let page;
  try {
    page = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(reply.body));
  } catch {
    page = undefined;
  }
  // An answer without the list is a failure and no empty directory.
  if (!Array.isArray(page?.value)) {
    throw toolError("upstream", "the directory's answer is not a list of users");
  }
  return page.value;
}

function ask(request) {
  try {
    return send(request);
  } catch (error) {
    const refusal = error?.payload ?? error;
    if (["busy", "timeout", "unreachable", "untrusted", "bad-reply"].includes(refusal)) {
      throw toolError("upstream", "the directory did not answer");
    }
    throw toolError("refused", "the host refused the request to the directory");
  }
}

function toolError(tag, val) {
  return { tag, val };
}
