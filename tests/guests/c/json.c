#include "json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

static void skip_space(struct json_reader *reader) {
    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r')) {
        reader->at++;
    }
}

bool json_next_is(struct json_reader *reader, char first) {
    skip_space(reader);
    return reader->at < reader->end && *reader->at == first;
}

bool json_take(struct json_reader *reader, char punctuation) {
    if (!json_next_is(reader, punctuation)) {
        return false;
    }
    reader->at++;
    return true;
}

bool json_end(struct json_reader *reader) {
    skip_space(reader);
    return reader->at == reader->end;
}

static bool four_hex(struct json_reader *reader, uint32_t *unit) {
    if (reader->end - reader->at < 4) {
        return false;
    }
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        char c = *reader->at++;
        uint32_t digit;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (uint32_t)(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = (uint32_t)(c - 'A') + 10;
        } else {
            return false;
        }
        *unit = *unit << 4 | digit;
    }
    return true;
}

/* What follows `\u`: one unit, or two that form a pair. A half pair is no character and is refused. */
static bool unicode_escape(struct json_reader *reader, char *out, size_t *length) {
    uint32_t point;
    if (!four_hex(reader, &point) || (point >= 0xDC00 && point <= 0xDFFF)) {
        return false;
    }
    if (point >= 0xD800 && point <= 0xDBFF) {
        uint32_t low;
        if (reader->end - reader->at < 2 || reader->at[0] != '\\' || reader->at[1] != 'u') {
            return false;
        }
        reader->at += 2;
        if (!four_hex(reader, &low) || low < 0xDC00 || low > 0xDFFF) {
            return false;
        }
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    size_t n = *length;
    if (point < 0x80) {
        out[n++] = (char)point;
    } else if (point < 0x800) {
        out[n++] = (char)(0xC0 | point >> 6);
        out[n++] = (char)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        out[n++] = (char)(0xE0 | point >> 12);
        out[n++] = (char)(0x80 | (point >> 6 & 0x3F));
        out[n++] = (char)(0x80 | (point & 0x3F));
    } else {
        out[n++] = (char)(0xF0 | point >> 18);
        out[n++] = (char)(0x80 | (point >> 12 & 0x3F));
        out[n++] = (char)(0x80 | (point >> 6 & 0x3F));
        out[n++] = (char)(0x80 | (point & 0x3F));
    }
    *length = n;
    return true;
}

/* How many bytes the character at `s` takes, or 0 if these bytes are no UTF-8. Overlong forms, half pairs and points past
 * U+10FFFF are none. The host takes no other text: handing it a wrong byte would trap. */
static size_t utf8_length(const unsigned char *s, size_t left) {
    size_t length = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
    if (length > left) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF0 && s[1] < 0x90) ||
        (s[0] == 0xF4 && s[1] > 0x8F)) {
        return 0;
    }
    return length;
}

bool json_string(struct json_reader *reader, char **text, size_t *length) {
    *text = NULL;
    *length = 0;
    if (!json_take(reader, '"')) {
        return false;
    }
    /* Escapes only shrink, so the distance to the closing quote is room enough. */
    const char *close = reader->at;
    while (close < reader->end && *close != '"') {
        close += *close == '\\' ? 2 : 1;
    }
    if (close >= reader->end) {
        return false;
    }
    char *out = malloc((size_t)(close - reader->at) + 1);
    if (out == NULL) {
        abort();
    }
    size_t n = 0;
    while (reader->at < close) {
        size_t bytes = utf8_length((const unsigned char *)reader->at, (size_t)(close - reader->at));
        if (bytes == 0 || (unsigned char)*reader->at < 0x20) {
            goto bad;
        }
        if (*reader->at != '\\') {
            memcpy(out + n, reader->at, bytes);
            n += bytes;
            reader->at += bytes;
            continue;
        }
        reader->at++;
        switch (*reader->at++) {
        case '"': out[n++] = '"'; break;
        case '\\': out[n++] = '\\'; break;
        case '/': out[n++] = '/'; break;
        case 'b': out[n++] = '\b'; break;
        case 'f': out[n++] = '\f'; break;
        case 'n': out[n++] = '\n'; break;
        case 'r': out[n++] = '\r'; break;
        case 't': out[n++] = '\t'; break;
        case 'u':
            if (!unicode_escape(reader, out, &n)) {
                goto bad;
            }
            break;
        default: goto bad;
        }
    }
    reader->at++;
    *text = out;
    *length = n;
    return true;
bad:
    free(out);
    return false;
}

static bool literal(struct json_reader *reader, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0) {
        return false;
    }
    reader->at += length;
    return true;
}

static bool digits(struct json_reader *reader) {
    const char *from = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') {
        reader->at++;
    }
    return reader->at > from;
}

static bool number(struct json_reader *reader) {
    if (*reader->at == '-') {
        reader->at++;
    }
    bool zero = reader->at < reader->end && *reader->at == '0';
    const char *from = reader->at;
    if (!digits(reader) || (zero && reader->at - from > 1)) {
        return false;
    }
    if (reader->at < reader->end && *reader->at == '.') {
        reader->at++;
        if (!digits(reader)) {
            return false;
        }
    }
    if (reader->at < reader->end && (*reader->at == 'e' || *reader->at == 'E')) {
        reader->at++;
        if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-')) {
            reader->at++;
        }
        return digits(reader);
    }
    return true;
}

static bool skip_value(struct json_reader *reader, int depth) {
    skip_space(reader);
    if (reader->at == reader->end || depth == 0) {
        return false;
    }
    char open = *reader->at;
    switch (open) {
    case 't': return literal(reader, "true");
    case 'f': return literal(reader, "false");
    case 'n': return literal(reader, "null");
    case '"': {
        char *text;
        size_t length;
        bool well = json_string(reader, &text, &length);
        free(text);
        return well;
    }
    case '[':
    case '{': break;
    default: return number(reader);
    }

    char close = open == '[' ? ']' : '}';
    reader->at++;
    if (json_take(reader, close)) {
        return true;
    }
    do {
        if (open == '{' && (!json_next_is(reader, '"') || !skip_value(reader, depth - 1) || !json_take(reader, ':'))) {
            return false;
        }
        if (!skip_value(reader, depth - 1)) {
            return false;
        }
    } while (json_take(reader, ','));
    return json_take(reader, close);
}

bool json_skip(struct json_reader *reader) {
    return skip_value(reader, MAX_DEPTH);
}

bool json_whole_number(struct json_reader *reader, unsigned *value) {
    skip_space(reader);
    const char *from = reader->at;
    if (!digits(reader) || reader->at - from > 9 || (*from == '0' && reader->at - from > 1)) {
        return false;
    }
    if (reader->at < reader->end && (*reader->at == '.' || *reader->at == 'e' || *reader->at == 'E')) {
        return false;
    }
    *value = 0;
    for (const char *c = from; c < reader->at; c++) {
        *value = *value * 10 + (unsigned)(*c - '0');
    }
    return true;
}

void json_write_bytes(struct json_writer *writer, const char *bytes, size_t length) {
    if (length == 0) {
        return;
    }
    if (writer->capacity - writer->length < length) {
        size_t capacity = writer->capacity * 2 + length;
        char *text = realloc(writer->text, capacity);
        if (text == NULL) {
            abort();
        }
        writer->text = text;
        writer->capacity = capacity;
    }
    memcpy(writer->text + writer->length, bytes, length);
    writer->length += length;
}

void json_write_raw(struct json_writer *writer, const char *text) {
    json_write_bytes(writer, text, strlen(text));
}

void json_write_number(struct json_writer *writer, size_t value) {
    char reversed[20];
    size_t n = 0;
    do {
        reversed[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (n > 0) {
        json_write_bytes(writer, &reversed[--n], 1);
    }
}

void json_write_string(struct json_writer *writer, const char *text, size_t length) {
    static const char hex[] = "0123456789abcdef";
    json_write_bytes(writer, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            char escape[2] = {'\\', (char)c};
            json_write_bytes(writer, escape, sizeof escape);
        } else if (c < 0x20) {
            char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            json_write_bytes(writer, escape, sizeof escape);
        } else {
            json_write_bytes(writer, &text[i], 1);
        }
    }
    json_write_bytes(writer, "\"", 1);
}
