/* Reading JSON (RFC 8259) in place, and writing it. No tree: a cursor walks the text once, and whatever the caller does
 * not ask for is checked and skipped. Depth is bounded, so hostile nesting cannot use up the stack. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>

struct json_reader {
    const char *at;
    const char *end;
};

/* Each reads one thing at the cursor, white space before it included, and returns false when something else stands
 * there. After false the cursor's place means nothing. */
bool json_take(struct json_reader *reader, char punctuation);
bool json_skip(struct json_reader *reader);
bool json_end(struct json_reader *reader);

/* Whether the next thing starts with this byte; the cursor stays. */
bool json_next_is(struct json_reader *reader, char first);

/* A string with its escapes resolved, as UTF-8. The caller frees `*text`; it may hold zero bytes, so `*length` counts. */
bool json_string(struct json_reader *reader, char **text, size_t *length);

/* A whole number from 0 to 999999999 without sign, fraction or exponent. */
bool json_whole_number(struct json_reader *reader, unsigned *number);

/* Text under construction. Memory that cannot be had ends the call: the host drops the instance. */
struct json_writer {
    char *text;
    size_t length;
    size_t capacity;
};

void json_write_bytes(struct json_writer *writer, const char *bytes, size_t length);
void json_write_raw(struct json_writer *writer, const char *text);
void json_write_number(struct json_writer *writer, size_t number);
void json_write_string(struct json_writer *writer, const char *text, size_t length);

#endif
