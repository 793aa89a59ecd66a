// Word-guard masks words in what clients say, minds those who say too many of them, and closes on who will not listen.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "belay.h"
#include "belay_json.h"

// What each session's strikes are remembered for after the last one, by name.
enum { REMEMBERED_FOR_MS = 3600 * 1000 };

// What is kept of each client.
typedef struct {
    char *user, *peer;
    uint32_t strikes;
} session;

static struct {
    // In lower case, the longest first.
    char **words;
    size_t words_length;
    uint32_t notice_after, close_after, per_minute;
    belay_limiter messages;
} guard = {.notice_after = 3, .close_after = 10, .per_minute = 600};

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

// The config.

static int longest_first(const void *a, const void *b) {
    size_t one = strlen(*(char *const *)a), other = strlen(*(char *const *)b);
    return one < other ? 1 : one > other ? -1 : 0;
}

static bool add_word(char *word) {
    if (word == NULL || word[0] == 0) return false;
    for (char *at = word; *at != 0; at++) {
        if (*at & 0x80) return false;
        *at = lower(*at);
    }
    char **words = realloc(guard.words, (guard.words_length + 1) * sizeof *words);
    if (words == NULL) return false;
    guard.words = words;
    guard.words[guard.words_length++] = word;
    return true;
}

static bool read_words(belay_json *json, belay_error *error) {
    if (belay_json_next(json) != BELAY_JSON_LIST) return belay_fail(error, "words", "a list is wanted");
    while (belay_json_item(json)) {
        if (!add_word(belay_json_text(json))) return belay_fail(error, "words", "a word is ASCII, and not empty");
    }
    qsort(guard.words, guard.words_length, sizeof *guard.words, longest_first);
    return true;
}

static bool configure(belay_string config, belay_subscription *wanted, belay_error *error) {
    struct {
        const char *name;
        uint32_t *value;
    } numbers[] = {
        {"notice_after", &guard.notice_after},
        {"close_after", &guard.close_after},
        {"per_minute", &guard.per_minute},
    };
    belay_json json = belay_json_of(config);
    char name[32];
    while (belay_json_field(&json, name, sizeof name)) {
        size_t i = 0;
        while (i < 3 && strcmp(name, numbers[i].name) != 0) i++;
        if (strcmp(name, "words") == 0) {
            if (!read_words(&json, error)) return false;
        } else if (i == 3) {
            return belay_fail(error, name, "unknown field");
        } else if (!belay_json_u32(&json, numbers[i].value) || *numbers[i].value == 0) {
            return belay_fail(error, name, "a whole number from 1 is wanted");
        }
    }
    if (belay_json_failed(&json)) return belay_fail(error, NULL, "an object is wanted");
    if (guard.words_length == 0) return belay_fail(error, "words", "a list of at least one word is wanted");

    wanted->to_backend = belay_whole();
    wanted->events = BELAY_FILTER_TYPES_EVENTS_HANDSHAKE | BELAY_FILTER_TYPES_EVENTS_CLOSE;
    belay_quota quota = {.tokens = guard.per_minute, .period_ms = 60000, .burst = guard.per_minute};
    return belay_define_limiter("messages", quota, &guard.messages, error);
}

// Sessions.

static void know(session *s, const belay_handshake *handshake) {
    belay_string user = belay_handshake_query(handshake, "name");
    if (user.len == 0) user = belay_handshake_header(handshake, "x-name");
    s->user = belay_copy(user);
    s->peer = belay_copy(handshake->peer_address);
}

static belay_admission on_handshake(void *state, const belay_handshake *handshake) {
    session *s = state;
    know(s, handshake);
    if (s->user[0] == 0) {
        belay_header header = {belay_str("content-type"), belay_str("text/plain")};
        return belay_refuse(400, &header, 1, "word-guard: say who you are: ?name=…\n");
    }
    belay_set_attribute("user", belay_str(s->user));
    belay_set_upstream_header("x-user", belay_str(s->user));
    return belay_accept();
}

static void on_reopen(void *state, const belay_handshake *handshake) { know(state, handshake); }

static void on_close(void *state, const belay_close_reason *reason) {
    (void)reason;
    session *s = state;
    free(s->user);
    free(s->peer);
}

static size_t snapshot(const void *state, uint8_t *bytes, size_t size) {
    uint32_t strikes = ((const session *)state)->strikes;
    if (strikes == 0 || size < 4) return 0;
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(strikes >> 8 * i);
    return 4;
}

static bool restore(void *state, const belay_handshake *handshake, belay_bytes bytes, belay_error *error) {
    if (bytes.len != 4) {
        snprintf(error->text, sizeof error->text, "word-guard: 4 bytes of state, not %zu", bytes.len);
        return false;
    }
    session *s = state;
    know(s, handshake);
    for (int i = 0; i < 4; i++) s->strikes |= (uint32_t)bytes.ptr[i] << 8 * i;
    return true;
}

// Messages.

// The length of the longest word that stands here; 0: none.
static size_t word_at(const uint8_t *text, size_t left) {
    for (size_t i = 0; i < guard.words_length; i++) {
        const char *word = guard.words[i];
        size_t length = 0;
        while (length < left && word[length] != 0 && lower((char)text[length]) == word[length]) length++;
        if (word[length] == 0) return length;
    }
    return 0;
}

static uint64_t mask(belay_bytes text) {
    uint64_t found = 0;
    for (size_t at = 0; at < text.len;) {
        size_t length = word_at(text.ptr + at, text.len - at);
        if (length > 0) {
            found++;
            memset(text.ptr + at, '*', length);
        }
        at += length > 0 ? length : 1;
    }
    return found;
}

static belay_verdict notice(const session *s, int64_t total) {
    size_t size = strlen(s->user) + 80;
    char *text = malloc(size);
    if (text == NULL) abort();
    snprintf(text, size, "word-guard: mind your words, %s (%lld so far)", s->user, (long long)total);
    belay_verdict reply = belay_reply_text(text);
    free(text);
    return reply;
}

static void log_closing(const session *s) {
    size_t size = strlen(s->user) + 32;
    char *text = malloc(size);
    if (text == NULL) abort();
    snprintf(text, size, "word-guard: closing %s", s->user);
    belay_log(BELAY_INFO, text);
    free(text);
}

// The sum of the strikes of all sessions of that name.
static int64_t strike(const session *s) {
    size_t size = strlen(s->user) + 16;
    char *key = malloc(size);
    if (key == NULL) abort();
    snprintf(key, size, "strikes:%s", s->user);
    int64_t total = belay_store_add(belay_str(key), 1, REMEMBERED_FOR_MS);
    free(key);
    return total;
}

static belay_verdict on_message(void *state, belay_incoming *message) {
    session *s = state;
    if (message->kind != BELAY_TEXT) return belay_continue();
    if (!belay_take(guard.messages, belay_str(s->peer), 1, NULL)) return belay_reply_text("word-guard: too many messages");
    uint64_t found = mask(message->payload);
    if (found == 0) return belay_continue();
    s->strikes++;
    belay_count("masked", found);
    int64_t total = strike(s);
    if (s->strikes == guard.close_after) {
        log_closing(s);
        return belay_close(1008, "word-guard: too many words");
    }
    if (s->strikes == guard.notice_after) return notice(s, total);
    return belay_replace(message->payload);
}

const belay_filter belay_the_filter = {
    .session_size = sizeof(session),
    .configure = configure,
    .on_handshake = on_handshake,
    .on_reopen = on_reopen,
    .on_message = on_message,
    .on_close = on_close,
    .snapshot = snapshot,
    .restore = restore,
};
