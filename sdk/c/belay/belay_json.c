// JSON (RFC 8259) from front to back. What the host hands over is valid, so no more is checked than is needed to stay within it.
#include "belay_json.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

static bool fail(belay_json *json) {
    json->failed = true;
    json->at = json->end;
    return false;
}

static int peek(belay_json *json) {
    while (json->at < json->end && memchr(" \t\r\n", *json->at, 4) != NULL) json->at++;
    return json->at < json->end ? (unsigned char)*json->at : -1;
}

static bool eat(belay_json *json, char expected) {
    if (peek(json) != expected) return false;
    json->at++;
    return true;
}

static bool eat_word(belay_json *json, const char *word) {
    size_t length = strlen(word);
    if (peek(json) != word[0] || (size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0) return false;
    json->at += length;
    return true;
}

belay_json belay_json_of(belay_string text) {
    belay_json json = {(const char *)text.ptr, (const char *)text.ptr + text.len, false};
    return json;
}

belay_json_kind belay_json_next(belay_json *json) {
    int c = peek(json);
    switch (c) {
    case '{': return BELAY_JSON_OBJECT;
    case '[': return BELAY_JSON_LIST;
    case '"': return BELAY_JSON_TEXT;
    case 'n': return BELAY_JSON_NULL;
    case 't': case 'f': return BELAY_JSON_BOOL;
    default: return c == '-' || (c >= '0' && c <= '9') ? BELAY_JSON_NUMBER : BELAY_JSON_NONE;
    }
}

static unsigned hex4(belay_json *json) {
    unsigned value = 0;
    for (int i = 0; i < 4 && json->at < json->end; i++) {
        char c = *json->at++;
        value = value << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value & 0xffff;
}

static char *put_utf8(char *to, unsigned c) {
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *to++ = (char)(0xe0 | c >> 12);
        } else {
            *to++ = (char)(0xf0 | c >> 18);
            *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    }
    if (c >= 0x80) *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

// A text is never longer than what it is written as. Gives the end; NULL if there is no text.
static char *read_text(belay_json *json, char *to) {
    if (!eat(json, '"')) return NULL;
    while (json->at < json->end && *json->at != '"') {
        if (*json->at != '\\') {
            *to++ = *json->at++;
            continue;
        }
        if (++json->at == json->end) return NULL;
        char escaped = *json->at++;
        const char *plain = strchr("b\bf\fn\nr\rt\t", escaped);
        if (escaped == 'u') {
            unsigned c = hex4(json);
            if (c >= 0xd800 && c < 0xdc00 && json->end - json->at >= 6) {
                json->at += 2;
                c = 0x10000 + ((c & 0x3ff) << 10) + (hex4(json) & 0x3ff);
            }
            to = put_utf8(to, c);
        } else {
            *to++ = plain != NULL && escaped >= 'a' ? plain[1] : escaped;
        }
    }
    return eat(json, '"') ? to : NULL;
}

char *belay_json_text(belay_json *json) {
    char *text = malloc((size_t)(json->end - json->at) + 1);
    char *end = text == NULL ? NULL : read_text(json, text);
    if (end == NULL || memchr(text, 0, (size_t)(end - text)) != NULL) {
        free(text);
        fail(json);
        return NULL;
    }
    *end = 0;
    char *fitting = realloc(text, (size_t)(end - text) + 1);
    return fitting == NULL ? text : fitting;
}

// Into an object or a list, on to the next in it, or out of it.
static bool step(belay_json *json, char open, char close) {
    if (json->failed) return false;
    if (eat(json, open) || eat(json, ',')) {
        if (!eat(json, close)) return true;
    } else if (!eat(json, close)) {
        fail(json);
    }
    return false;
}

bool belay_json_field(belay_json *json, char *name, size_t size) {
    if (eat_word(json, "null")) return false;
    if (!step(json, '{', '}')) return false;
    char *text = belay_json_text(json);
    if (text == NULL || !eat(json, ':')) {
        free(text);
        return fail(json);
    }
    size_t length = strlen(text) < size ? strlen(text) : size - 1;
    memcpy(name, text, length);
    name[length] = 0;
    free(text);
    return true;
}

bool belay_json_item(belay_json *json) { return step(json, '[', ']'); }

bool belay_json_number(belay_json *json, double *number) {
    char digits[64];
    size_t length = 0;
    if (belay_json_next(json) != BELAY_JSON_NUMBER) return fail(json);
    while (json->at < json->end && strchr("+-.eE0123456789", *json->at) != NULL) {
        if (length + 1 < sizeof digits) digits[length++] = *json->at;
        json->at++;
    }
    digits[length] = 0;
    *number = strtod(digits, NULL);
    return true;
}

bool belay_json_u32(belay_json *json, uint32_t *number) {
    if (belay_json_next(json) != BELAY_JSON_NUMBER) return fail(json);
    uint64_t value = 0;
    while (json->at < json->end && *json->at >= '0' && *json->at <= '9' && value <= UINT32_MAX) {
        value = value * 10 + (uint64_t)(*json->at++ - '0');
    }
    if (value > UINT32_MAX || (json->at < json->end && strchr("+-.eE0123456789", *json->at) != NULL)) return fail(json);
    *number = (uint32_t)value;
    return true;
}

bool belay_json_bool(belay_json *json, bool *value) {
    *value = eat_word(json, "true");
    return *value || eat_word(json, "false") || fail(json);
}

static bool skip(belay_json *json, int depth) {
    char name[8];
    double number;
    bool flag;
    if (depth == DEPTH_MAX) return fail(json);
    switch (belay_json_next(json)) {
    case BELAY_JSON_OBJECT:
        while (belay_json_field(json, name, sizeof name)) skip(json, depth + 1);
        return !json->failed;
    case BELAY_JSON_LIST:
        while (belay_json_item(json)) skip(json, depth + 1);
        return !json->failed;
    case BELAY_JSON_TEXT: {
        char *text = belay_json_text(json);
        free(text);
        return text != NULL;
    }
    case BELAY_JSON_NUMBER: return belay_json_number(json, &number);
    case BELAY_JSON_BOOL: return belay_json_bool(json, &flag);
    case BELAY_JSON_NULL: return eat_word(json, "null");
    default: return fail(json);
    }
}

bool belay_json_skip(belay_json *json) { return skip(json, 0); }

bool belay_json_failed(belay_json *json) { return json->failed || peek(json) != -1; }
