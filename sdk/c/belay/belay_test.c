// The world's imports as a test needs them, and its exports called as the proxy would.
#include "belay_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 4096, TEXT_MAX = 1 << 16, SESSIONS_MAX = 64 };

typedef enum { ATTRIBUTE, UPSTREAM_HEADER, COUNTER, STORED, LIMITER, BUCKET, TIMER } Kind;

// All that the host remembers, in one table: by kind, session or limiter, and name.
typedef struct {
    Kind kind;
    uint32_t of;
    char name[256], text[256];
    uint64_t number, at_ms;
    belay_quota quota;
} Entry;

static Entry *entries[ENTRIES_MAX];
static size_t entries_length;
static uint64_t now_ms, seed;
static uint32_t current, sessions;
static char admission[TEXT_MAX], said[TEXT_MAX], logged[TEXT_MAX], targets[SESSIONS_MAX][512], headers[SESSIONS_MAX][512];
static int failures;

static Entry *look(Kind kind, uint32_t of, belay_string name) {
    for (size_t i = 0; i < entries_length; i++) {
        if (entries[i]->kind == kind && entries[i]->of == of && belay_equal(name, entries[i]->name)) return entries[i];
    }
    return NULL;
}

static Entry *entry(Kind kind, uint32_t of, belay_string name) {
    Entry *found = look(kind, of, name);
    if (found != NULL) return found;
    if (entries_length == ENTRIES_MAX || (found = calloc(1, sizeof *found)) == NULL) abort();
    found->kind = kind;
    found->of = of;
    snprintf(found->name, sizeof found->name, "%.*s", BELAY_FMT(name));
    return entries[entries_length++] = found;
}

static uint8_t *given(const void *from, size_t length) {
    uint8_t *copy = malloc(length + 1);
    if (copy == NULL) abort();
    memcpy(copy, from, length);
    return copy;
}

static belay_string given_text(const char *text) {
    belay_string s = {strlen(text) > 0 ? given(text, strlen(text)) : NULL, strlen(text)};
    return s;
}

// The world's imports.

void belay_filter_host_log(uint8_t level, belay_string *text) {
    (void)level;
    snprintf(logged, sizeof logged, "%.*s", BELAY_FMT(*text));
}
uint64_t belay_filter_host_now_ms(void) { return now_ms; }
uint64_t belay_filter_host_unix_ms(void) { return 1700000000000 + now_ms; }
uint64_t belay_filter_host_random(void) { return seed = seed * 6364136223846793005u + 1442695040888963407u; }
void belay_filter_host_count(belay_string *name, uint64_t by) { entry(COUNTER, 0, *name)->number += by; }
bool belay_filter_host_read_file(belay_string *name, belay_bytes *content) {
    (void)name, (void)content;
    return false;
}
uint64_t belay_filter_host_file_version(belay_string *name) {
    (void)name;
    return 0;
}
bool belay_filter_current_attribute(belay_string *name, belay_string *value) {
    Entry *found = look(ATTRIBUTE, current, *name);
    if (found == NULL || found->number == 0) return false;
    *value = given_text(found->text);
    return true;
}
void belay_filter_current_set_attribute(belay_string *name, belay_string *value) {
    Entry *attribute = entry(ATTRIBUTE, current, *name);
    attribute->number = 1;
    snprintf(attribute->text, sizeof attribute->text, "%.*s", BELAY_FMT(*value));
}
void belay_filter_current_remove_attribute(belay_string *name) {
    Entry *attribute = entry(ATTRIBUTE, current, *name);
    attribute->number = 0;
    attribute->text[0] = 0;
}
void belay_filter_current_set_upstream_header(belay_string *name, belay_string *value) {
    Entry *header = entry(UPSTREAM_HEADER, current, *name);
    snprintf(header->text, sizeof header->text, "%.*s", BELAY_FMT(*value));
}
void belay_filter_current_offer_subprotocols(belay_world_list_string_t *names) { (void)names; }
void belay_filter_current_default_subprotocol(belay_string *name) { (void)name; }

static Entry *timer_entry(uint32_t timer) {
    char name[16];
    snprintf(name, sizeof name, "%u", (unsigned)timer);
    return entry(TIMER, current, belay_str(name));
}
// A timer that is set has its time, one that is not has 0.
void belay_filter_current_set_timer(uint32_t timer, uint64_t after_ms) { timer_entry(timer)->at_ms = now_ms + after_ms; }
void belay_filter_current_cancel_timer(uint32_t timer) { timer_entry(timer)->at_ms = 0; }

bool belay_filter_limiter_define(belay_string *name, belay_quota *quota, uint32_t *limiter, belay_string *problem) {
    if (quota->tokens == 0 || quota->period_ms == 0 || quota->burst == 0) {
        *problem = given_text("tokens, period and burst must be above zero");
        return false;
    }
    Entry *defined = entry(LIMITER, 0, *name);
    defined->quota = *quota;
    for (*limiter = 0; entries[*limiter] != defined; ++*limiter) {}
    return true;
}

bool belay_filter_limiter_take(uint32_t limiter, belay_string *key, uint32_t tokens, uint64_t *retry_after_ms) {
    belay_quota quota = entries[limiter]->quota;
    // In tokens times the period: nothing is rounded.
    uint64_t full = quota.burst * quota.period_ms, wanted = tokens * quota.period_ms;
    Entry *bucket = look(BUCKET, limiter, *key);
    if (bucket == NULL) {
        bucket = entry(BUCKET, limiter, *key);
        bucket->number = full;
    } else {
        bucket->number += (now_ms - bucket->at_ms) * quota.tokens;
        if (bucket->number > full) bucket->number = full;
    }
    bucket->at_ms = now_ms;
    if (bucket->number < wanted) {
        *retry_after_ms = wanted > full ? UINT64_MAX : (wanted - bucket->number + quota.tokens - 1) / quota.tokens;
        return false;
    }
    bucket->number -= wanted;
    return true;
}

bool belay_filter_breaker_define(belay_string *name, belay_breaker_settings *settings, uint32_t *breaker, belay_string *problem) {
    (void)name, (void)settings, (void)problem;
    *breaker = 0;
    return true;
}
uint32_t belay_filter_breaker_keyed(uint32_t breaker, belay_string *key) {
    (void)key;
    return breaker;
}
bool belay_filter_breaker_admit(uint32_t breaker, uint64_t *retry_after_ms) {
    (void)breaker, (void)retry_after_ms;
    return true;
}
void belay_filter_breaker_success(uint32_t breaker, uint64_t latency_us) { (void)breaker, (void)latency_us; }
void belay_filter_breaker_failure(uint32_t breaker) { (void)breaker; }
uint8_t belay_filter_breaker_peek(uint32_t breaker) {
    (void)breaker;
    return BELAY_FILTER_BREAKER_STATE_CLOSED;
}

// What is stored has its length as `number`; 0: nothing.
bool belay_filter_store_get(belay_string *key, belay_bytes *value) {
    Entry *found = look(STORED, 0, *key);
    if (found == NULL || found->number == 0 || found->at_ms <= now_ms) return false;
    value->ptr = given(found->text, found->number);
    value->len = found->number;
    return true;
}
bool belay_filter_store_set(belay_string *key, belay_bytes *value, uint64_t ttl_ms) {
    Entry *stored = entry(STORED, 0, *key);
    if (value->len > sizeof stored->text) return false;
    memcpy(stored->text, value->ptr, value->len);
    stored->number = value->len;
    stored->at_ms = now_ms + ttl_ms;
    return true;
}
void belay_filter_store_remove(belay_string *key) { entry(STORED, 0, *key)->number = 0; }
int64_t belay_filter_store_add(belay_string *key, int64_t by, uint64_t ttl_ms) {
    Entry *stored = entry(STORED, 0, *key);
    int64_t sum = 0;
    if (stored->number == sizeof sum && stored->at_ms > now_ms) memcpy(&sum, stored->text, sizeof sum);
    sum += by;
    belay_bytes bytes = {(uint8_t *)&sum, sizeof sum};
    belay_filter_store_set(key, &bytes, ttl_ms);
    return sum;
}

// Answers, told as text and let go.

static const char *tell(const char *what, const void *text, size_t length) {
    snprintf(said, sizeof said, length > 0 ? "%s %.*s" : "%s", what, (int)length, (const char *)text);
    return said;
}

static const char *tell_close(belay_close_reason close) {
    char what[32];
    snprintf(what, sizeof what, "close %u", close.code);
    tell(what, close.reason.ptr, close.reason.len);
    free(close.reason.ptr);
    return said;
}

static const char *tell_request(belay_request request) {
    snprintf(said, sizeof said, "call-out %.*s %.*s", BELAY_FMT(request.method), BELAY_FMT(request.url));
    free(request.method.ptr);
    free(request.url.ptr);
    free(request.body.ptr);
    for (size_t i = 0; i < request.headers.len; i++) {
        free(request.headers.ptr[i].name.ptr);
        free(request.headers.ptr[i].value.ptr);
    }
    free(request.headers.ptr);
    return said;
}

static const char *tell_bytes(const char *what, belay_bytes bytes) {
    tell(what, bytes.ptr, bytes.len);
    free(bytes.ptr);
    return said;
}

static const char *tell_verdict(belay_verdict v) {
    switch (v.tag) {
    case BELAY_FILTER_TYPES_VERDICT_REMEMBER: return tell("remember", "", 0);
    case BELAY_FILTER_TYPES_VERDICT_REPLACE: return tell_bytes("replace", v.val.replace);
    case BELAY_FILTER_TYPES_VERDICT_REPLY: return tell_bytes("reply", v.val.reply.payload);
    case BELAY_FILTER_TYPES_VERDICT_DROP: return tell("drop", "", 0);
    case BELAY_FILTER_TYPES_VERDICT_HEARTBEAT:
        return v.val.heartbeat.is_some ? tell_bytes("heartbeat", v.val.heartbeat.val.payload) : tell("heartbeat", "", 0);
    case BELAY_FILTER_TYPES_VERDICT_CLOSE: return tell_close(v.val.close);
    case BELAY_FILTER_TYPES_VERDICT_CALL_OUT: return tell_request(v.val.call_out);
    default: return tell("continue", "", 0);
    }
}

static const char *tell_reaction(belay_reaction r) {
    switch (r.tag) {
    case BELAY_FILTER_TYPES_REACTION_SEND: return tell_bytes("send", r.val.send.payload);
    case BELAY_FILTER_TYPES_REACTION_CLOSE: return tell_close(r.val.close);
    case BELAY_FILTER_TYPES_REACTION_CALL_OUT: return tell_request(r.val.call_out);
    default: return tell("none", "", 0);
    }
}

static const char *tell_admission(belay_admission a) {
    switch (a.tag) {
    case BELAY_FILTER_TYPES_ADMISSION_REFUSE: {
        char what[32];
        snprintf(what, sizeof what, "refuse %u", a.val.refuse.status);
        tell(what, a.val.refuse.body.ptr, a.val.refuse.body.len);
        free(a.val.refuse.body.ptr);
        for (size_t i = 0; i < a.val.refuse.headers.len; i++) {
            free(a.val.refuse.headers.ptr[i].name.ptr);
            free(a.val.refuse.headers.ptr[i].value.ptr);
        }
        free(a.val.refuse.headers.ptr);
        break;
    }
    case BELAY_FILTER_TYPES_ADMISSION_CALL_OUT: tell_request(a.val.call_out); break;
    default: tell("accept", "", 0);
    }
    snprintf(admission, sizeof admission, "%s", said);
    return admission;
}

// The world's exports.

const char *belay_test_start(const char *config) {
    while (entries_length > 0) free(entries[--entries_length]);
    now_ms = 1000000;
    sessions = 0;
    logged[0] = 0;
    belay_string json = given_text(config), problem = {0};
    belay_subscription wanted;
    if (exports_belay_filter_filter_configure(&json, &wanted, &problem)) return NULL;
    tell_bytes("refused", (belay_bytes){problem.ptr, problem.len});
    return said + strlen("refused ");
}

static belay_handshake handshake(uint32_t session) {
    const char *question = strchr(targets[session], '?');
    belay_handshake h = {
        .session_id = given_text("session"),
        .route = given_text("chat"),
        .peer_address = given_text("192.0.2.1"),
        .path = given_text(targets[session]),
        .query = given_text(question == NULL ? "" : question + 1),
    };
    if (question != NULL) h.path.len = (size_t)(question - targets[session]);
    const char *colon = strstr(headers[session], ": ");
    if (colon != NULL) {
        h.headers.ptr = (belay_header *)given(headers[session], sizeof *h.headers.ptr);
        h.headers.len = 1;
        h.headers.ptr[0].name = given_text(headers[session]);
        h.headers.ptr[0].name.len = (size_t)(colon - headers[session]);
        h.headers.ptr[0].value = given_text(colon + 2);
    }
    return h;
}

uint32_t belay_test_connect(const char *target, const char *header) {
    if (sessions == SESSIONS_MAX) abort();
    current = sessions++;
    snprintf(targets[current], sizeof targets[current], "%s", target);
    snprintf(headers[current], sizeof headers[current], "%s", header == NULL ? "" : header);
    belay_handshake h = handshake(current);
    belay_admission a;
    exports_belay_filter_filter_on_handshake(current, &h, &a);
    tell_admission(a);
    return current;
}

const char *belay_test_admission(void) { return admission; }

const char *belay_test_message(uint32_t session, belay_direction direction, belay_kind kind, const void *payload, size_t length) {
    belay_bytes bytes = {length > 0 ? given(payload, length) : NULL, length};
    belay_verdict v;
    current = session;
    exports_belay_filter_filter_on_message(session, (uint8_t)direction, (uint8_t)kind, (uint32_t)length, &bytes, &v);
    return tell_verdict(v);
}

const char *belay_test_says(uint32_t session, const char *text) {
    return belay_test_message(session, BELAY_TO_BACKEND, BELAY_TEXT, text, strlen(text));
}

static belay_answer answer(uint16_t status, const char *body, uint8_t error) {
    belay_answer a = {.is_err = status == 0};
    if (status == 0) {
        a.val.err = error;
    } else {
        belay_string text = given_text(body);
        a.val.ok = (belay_response){.status = status, .body = {text.ptr, text.len}};
    }
    return a;
}

const char *belay_test_handshake_answer(uint32_t session, uint16_t status, const char *body, uint8_t error) {
    belay_answer a = answer(status, body, error);
    belay_handshake h = handshake(session);
    belay_admission decided;
    current = session;
    exports_belay_filter_filter_on_handshake_answer(session, &h, &a, &decided);
    return tell_admission(decided);
}

const char *belay_test_message_answer(uint32_t session, const char *text, uint16_t status, const char *body, uint8_t error) {
    belay_answer a = answer(status, body, error);
    belay_string payload = given_text(text);
    belay_bytes bytes = {payload.ptr, payload.len};
    belay_verdict v;
    current = session;
    exports_belay_filter_filter_on_message_answer(session, 0, 0, (uint32_t)bytes.len, &bytes, &a, &v);
    return tell_verdict(v);
}

const char *belay_test_answer(uint32_t session, uint16_t status, const char *body, uint8_t error) {
    belay_answer a = answer(status, body, error);
    belay_reaction r;
    current = session;
    exports_belay_filter_filter_on_answer(session, &a, &r);
    return tell_reaction(r);
}

const char *belay_test_upstream(uint32_t session, belay_upstream_event event) {
    belay_reaction r;
    current = session;
    exports_belay_filter_filter_on_upstream(session, &event, &r);
    return tell_reaction(r);
}

const char *belay_test_heartbeat(uint32_t session, belay_direction direction) {
    belay_reaction r;
    current = session;
    exports_belay_filter_filter_on_heartbeat(session, (uint8_t)direction, &r);
    return tell_reaction(r);
}

void belay_test_close(uint32_t session, uint16_t code) {
    belay_close_reason reason = {code, {0}};
    current = session;
    exports_belay_filter_filter_on_close(session, &reason);
}

const char *belay_test_advance(uint64_t by_ms) {
    now_ms += by_ms;
    for (size_t i = 0; i < entries_length; i++) {
        Entry *timer = entries[i];
        if (timer->kind != TIMER || timer->at_ms == 0 || timer->at_ms > now_ms) continue;
        belay_reaction r;
        timer->at_ms = 0;
        current = timer->of;
        exports_belay_filter_filter_on_timer(current, (uint32_t)strtoul(timer->name, NULL, 10), &r);
        return tell_reaction(r);
    }
    return NULL;
}

const char *belay_test_reload(uint32_t session) {
    belay_bytes state;
    belay_handshake h = handshake(session);
    current = session;
    if (!exports_belay_filter_state_snapshot(session, &state)) {
        exports_belay_filter_filter_on_reopen(session, &h);
        return NULL;
    }
    belay_string problem = {0};
    if (exports_belay_filter_state_restore(session, &h, &state, &problem)) return NULL;
    tell_bytes("refused", (belay_bytes){problem.ptr, problem.len});
    return said + strlen("refused ");
}

const char *belay_test_attribute(uint32_t session, const char *name) {
    Entry *found = look(ATTRIBUTE, session, belay_str(name));
    return found == NULL ? "" : found->text;
}

const char *belay_test_upstream_header(uint32_t session, const char *name) {
    Entry *found = look(UPSTREAM_HEADER, session, belay_str(name));
    return found == NULL ? "" : found->text;
}

uint64_t belay_test_counter(const char *name) {
    Entry *found = look(COUNTER, 0, belay_str(name));
    return found == NULL ? 0 : found->number;
}

const char *belay_test_logged(void) { return logged; }

void belay_test_expect_at(const char *file, int line, const char *got, const char *wanted) {
    if (got == NULL) got = "(nothing)";
    if (strcmp(got, wanted) == 0) return;
    fprintf(stderr, "%s:%d: got  %s\n%*s wanted %s\n", file, line, got, (int)strlen(file) + 3, "", wanted);
    failures++;
}

int belay_test_failures(void) { return failures; }
