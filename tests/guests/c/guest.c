/* A shard in C: one tool, one request. `shard.h` is generated from the contract when the guest is built. */
#include "json.h"
#include "shard.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_TOP = 5, MAX_TOP = 999 };

static const char URL[] = "https://graph.microsoft.com/v1.0/users?$select=displayName&$top=";

static const char INPUT_SCHEMA[] =
    "{\"type\":\"object\",\"properties\":{\"top\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":999,\"default\":5,"
    "\"description\":\"How many users to read at most.\"}},\"additionalProperties\":false}";

static const char OUTPUT_SCHEMA[] =
    "{\"type\":\"object\",\"properties\":{\"count\":{\"type\":\"integer\"},\"names\":{\"type\":\"array\","
    "\"items\":{\"type\":\"string\",\"x-nexus-class\":\"person\"}}},\"required\":[\"count\",\"names\"],"
    "\"additionalProperties\":false}";

/* What is returned is freed by the generated code after the call, so constants are copied. */
void exports_nexus_shard_tools_list_tools(exports_nexus_shard_tools_list_tool_t *ret) {
    exports_nexus_shard_tools_tool_t *tool = calloc(1, sizeof *tool);
    if (tool == NULL) {
        abort();
    }
    shard_string_dup(&tool->name, "c_count_users");
    shard_string_dup(&tool->title, "Count users (C)");
    shard_string_dup(&tool->description, "Reads up to `top` users of the directory and returns their number and names.");
    shard_string_dup(&tool->input_schema, INPUT_SCHEMA);
    tool->output_schema.is_some = true;
    shard_string_dup(&tool->output_schema.val, OUTPUT_SCHEMA);
    tool->category = EXPORTS_NEXUS_SHARD_TOOLS_CATEGORY_READ;
    tool->annotations.read_only = true;
    tool->annotations.idempotent = true;
    tool->annotations.open_world = true;
    ret->ptr = tool;
    ret->len = 1;
}

/* Every case of the error holds one string in the same place, so the tag alone tells them apart. */
static bool failed(exports_nexus_shard_tools_tool_error_t *err, uint8_t tag, const char *message) {
    err->tag = tag;
    shard_string_dup(&err->val.upstream, message);
    return false;
}

static bool is(const char *text, size_t length, const char *word) {
    return length == strlen(word) && memcmp(text, word, length) == 0;
}

static bool read_top(const shard_string_t *arguments, unsigned *top) {
    struct json_reader reader = {(const char *)arguments->ptr, (const char *)arguments->ptr + arguments->len};
    *top = DEFAULT_TOP;
    if (!json_take(&reader, '{')) {
        return false;
    }
    if (!json_take(&reader, '}')) {
        do {
            char *key;
            size_t length;
            if (!json_string(&reader, &key, &length)) {
                return false;
            }
            bool known = is(key, length, "top");
            free(key);
            if (!known || !json_take(&reader, ':') || !json_whole_number(&reader, top)) {
                return false;
            }
        } while (json_take(&reader, ','));
        if (!json_take(&reader, '}')) {
            return false;
        }
    }
    return json_end(&reader) && *top >= 1 && *top <= MAX_TOP;
}

/* One user: an object, of which only a string `displayName` is wanted. */
static bool copy_name(struct json_reader *reader, struct json_writer *names, size_t *count) {
    bool found = false;
    if (!json_take(reader, '{')) {
        return false;
    }
    if (json_take(reader, '}')) {
        return true;
    }
    do {
        char *text;
        size_t length;
        if (!json_string(reader, &text, &length)) {
            return false;
        }
        bool wanted = !found && is(text, length, "displayName");
        free(text);
        if (!json_take(reader, ':')) {
            return false;
        }
        if (wanted && json_next_is(reader, '"')) {
            if (!json_string(reader, &text, &length)) {
                return false;
            }
            if (*count > 0) {
                json_write_raw(names, ",");
            }
            json_write_string(names, text, length);
            free(text);
            *count += 1;
            found = true;
        } else if (!json_skip(reader)) {
            return false;
        }
    } while (json_take(reader, ','));
    return json_take(reader, '}');
}

static bool copy_names(struct json_reader *reader, struct json_writer *names, size_t *count) {
    if (!json_take(reader, '[')) {
        return false;
    }
    if (json_take(reader, ']')) {
        return true;
    }
    do {
        if (!copy_name(reader, names, count)) {
            return false;
        }
    } while (json_take(reader, ','));
    return json_take(reader, ']');
}

/* The reply: an object with one list `value`. Without it the upstream has not answered, which is no empty list. */
static bool read_reply(const shard_list_u8_t *body, struct json_writer *names, size_t *count) {
    struct json_reader reader = {(const char *)body->ptr, (const char *)body->ptr + body->len};
    bool found = false;
    if (!json_take(&reader, '{')) {
        return false;
    }
    if (json_take(&reader, '}')) {
        return false;
    }
    do {
        char *key;
        size_t length;
        if (!json_string(&reader, &key, &length)) {
            return false;
        }
        bool wanted = is(key, length, "value");
        free(key);
        if (!json_take(&reader, ':') || (wanted && found)) {
            return false;
        }
        if (!(wanted ? copy_names(&reader, names, count) : json_skip(&reader))) {
            return false;
        }
        found = found || wanted;
    } while (json_take(&reader, ','));
    return found && json_take(&reader, '}') && json_end(&reader);
}

static bool refused(exports_nexus_shard_tools_tool_error_t *err, nexus_shard_egress_refusal_t refusal) {
    switch (refusal) {
    case NEXUS_SHARD_TYPES_REFUSAL_BUSY:
    case NEXUS_SHARD_TYPES_REFUSAL_TIMEOUT:
    case NEXUS_SHARD_TYPES_REFUSAL_UNREACHABLE:
    case NEXUS_SHARD_TYPES_REFUSAL_UNTRUSTED:
    case NEXUS_SHARD_TYPES_REFUSAL_BAD_REPLY:
        return failed(err, NEXUS_SHARD_TYPES_TOOL_ERROR_UPSTREAM, "the directory did not answer");
    default:
        return failed(err, NEXUS_SHARD_TYPES_TOOL_ERROR_REFUSED, "the host refused the request to the directory");
    }
}

static bool count_users(unsigned top, exports_nexus_shard_tools_outcome_t *ret,
                        exports_nexus_shard_tools_tool_error_t *err) {
    struct json_writer url = {0};
    json_write_raw(&url, URL);
    json_write_number(&url, top);

    nexus_shard_egress_request_t request = {0};
    shard_string_set(&request.method, "GET");
    request.url.ptr = (uint8_t *)url.text;
    request.url.len = url.length;
    request.credential.is_some = true;
    shard_string_set(&request.credential.val, "graph");

    nexus_shard_egress_reply_t reply;
    nexus_shard_egress_refusal_t refusal;
    bool answered = nexus_shard_egress_send(&request, &reply, &refusal);
    free(url.text);
    if (!answered) {
        return refused(err, refusal);
    }

    struct json_writer names = {0};
    size_t count = 0;
    uint16_t status = reply.status;
    bool well = status == 200 && read_reply(&reply.body, &names, &count);
    nexus_shard_egress_reply_free(&reply);
    if (!well) {
        free(names.text);
        if (status == 200) {
            return failed(err, NEXUS_SHARD_TYPES_TOOL_ERROR_UPSTREAM, "the directory's answer is not a list of users");
        }
        struct json_writer message = {0};
        json_write_raw(&message, "the directory answered ");
        json_write_number(&message, status);
        err->tag = NEXUS_SHARD_TYPES_TOOL_ERROR_UPSTREAM;
        err->val.upstream.ptr = (uint8_t *)message.text;
        err->val.upstream.len = message.length;
        return false;
    }

    struct json_writer data = {0};
    json_write_raw(&data, "{\"count\":");
    json_write_number(&data, count);
    json_write_raw(&data, ",\"names\":[");
    json_write_bytes(&data, names.text, names.length);
    json_write_raw(&data, "]}");
    free(names.text);

    memset(ret, 0, sizeof *ret);
    ret->tag = EXPORTS_NEXUS_SHARD_TOOLS_OUTCOME_DONE;
    ret->val.done.data.is_some = true;
    ret->val.done.data.val.ptr = (uint8_t *)data.text;
    ret->val.done.data.val.len = data.length;
    ret->val.done.complete = true;
    return true;
}

bool exports_nexus_shard_tools_call_tool(shard_string_t *name, exports_nexus_shard_tools_json_t *arguments,
                                         exports_nexus_shard_tools_call_context_t *context,
                                         exports_nexus_shard_tools_outcome_t *ret,
                                         exports_nexus_shard_tools_tool_error_t *err) {
    bool known = is((const char *)name->ptr, name->len, "c_count_users");
    unsigned top;
    bool well = read_top(arguments, &top);
    shard_string_free(name);
    exports_nexus_shard_tools_json_free(arguments);
    exports_nexus_shard_tools_call_context_free(context);

    if (!known) {
        return failed(err, NEXUS_SHARD_TYPES_TOOL_ERROR_NOT_FOUND, "this shard has no such tool");
    }
    if (!well) {
        return failed(err, NEXUS_SHARD_TYPES_TOOL_ERROR_INVALID_ARGUMENTS, "top is a whole number from 1 to 999");
    }
    return count_users(top, ret, err);
}
