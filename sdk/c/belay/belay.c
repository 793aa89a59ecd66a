// From the world's exports to belay_the_filter, and from belay.h's functions to the world's imports. Knows nothing of how either
// lies in memory: that is generated. Keeps the table of sessions, and frees what the host handed over.
#include "belay.h"

#include <stdlib.h>
#include <string.h>

enum { SNAPSHOT_BYTES_MAX = 16 * 1024 };

// Memory. Without it there is nothing to be done: the trap costs the event, and the instance is replaced.

static void *must(void *memory) {
    if (memory == NULL) abort();
    return memory;
}

static uint8_t *copied(const void *from, size_t length) {
    // The host's bindings free what is longer than 0.
    return length == 0 ? NULL : memcpy(must(malloc(length)), from, length);
}

static belay_string copied_text(const char *text) {
    size_t length = text == NULL ? 0 : strlen(text);
    belay_string copy = {copied(text, length), length};
    return copy;
}

static belay_string copied_string(belay_string text) {
    belay_string copy = {copied(text.ptr, text.len), text.len};
    return copy;
}

static belay_bytes copied_bytes(belay_bytes bytes) {
    belay_bytes copy = {copied(bytes.ptr, bytes.len), bytes.len};
    return copy;
}

static belay_headers copied_headers(const belay_header *headers, size_t count) {
    belay_headers copy = {NULL, count};
    if (count == 0) return copy;
    copy.ptr = must(calloc(count, sizeof *copy.ptr));
    for (size_t i = 0; i < count; i++) {
        copy.ptr[i].name = copied_string(headers[i].name);
        copy.ptr[i].value = copied_string(headers[i].value);
    }
    return copy;
}

static belay_request copied_request(const belay_request *request) {
    belay_request copy = {
        .method = copied_string(request->method),
        .url = copied_string(request->url),
        .headers = copied_headers(request->headers.ptr, request->headers.len),
        .body = copied_bytes(request->body),
        .timeout_ms = request->timeout_ms,
    };
    return copy;
}

static void release(void *memory, size_t length) {
    if (length > 0) free(memory);
}

static void release_headers(belay_headers headers) {
    for (size_t i = 0; i < headers.len; i++) {
        release(headers.ptr[i].name.ptr, headers.ptr[i].name.len);
        release(headers.ptr[i].value.ptr, headers.ptr[i].value.len);
    }
    release(headers.ptr, headers.len);
}

static void release_handshake(belay_handshake *h) {
    belay_string texts[] = {h->session_id, h->route, h->peer_address, h->host, h->path, h->query};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) release(texts[i].ptr, texts[i].len);
    release_headers(h->headers);
    for (size_t i = 0; i < h->subprotocols.len; i++) release(h->subprotocols.ptr[i].ptr, h->subprotocols.ptr[i].len);
    release(h->subprotocols.ptr, h->subprotocols.len);
}

static void release_answer(belay_answer *answer) {
    if (answer->is_err) return;
    release_headers(answer->val.ok.headers);
    release(answer->val.ok.body.ptr, answer->val.ok.body.len);
}

// Sessions, by their number, which the host keeps dense.

static void **sessions;
static size_t sessions_length;

static void *find(uint32_t number) {
    if (belay_the_filter.session_size == 0) return NULL;
    if (number >= sessions_length) {
        size_t length = sessions_length * 2 > (size_t)number + 1 ? sessions_length * 2 : (size_t)number + 1;
        sessions = must(realloc(sessions, length * sizeof *sessions));
        memset(sessions + sessions_length, 0, (length - sessions_length) * sizeof *sessions);
        sessions_length = length;
    }
    if (sessions[number] == NULL) sessions[number] = must(calloc(1, belay_the_filter.session_size));
    return sessions[number];
}

static void forget(uint32_t number) {
    if (number < sessions_length) {
        free(sessions[number]);
        sessions[number] = NULL;
    }
}

static void *begin(uint32_t number) {
    forget(number);
    return find(number);
}

// The world's exports.

bool exports_belay_filter_filter_configure(belay_string *config, belay_subscription *wanted, belay_string *problem) {
    belay_error error = {{0}};
    memset(wanted, 0, sizeof *wanted);
    bool configured = belay_the_filter.configure == NULL || belay_the_filter.configure(*config, wanted, &error);
    release(config->ptr, config->len);
    if (!configured) *problem = copied_text(error.text[0] == 0 ? "the config is refused" : error.text);
    // Without on_close the bytes of sessions that are over would stay.
    if (belay_the_filter.session_size > 0) wanted->events |= BELAY_FILTER_TYPES_EVENTS_CLOSE;
    return configured;
}

void exports_belay_filter_filter_on_handshake(uint32_t number, belay_handshake *handshake, belay_admission *admission) {
    void *session = begin(number);
    *admission = belay_the_filter.on_handshake == NULL ? belay_accept() : belay_the_filter.on_handshake(session, handshake);
    release_handshake(handshake);
}

void exports_belay_filter_filter_on_handshake_answer(
    uint32_t number, belay_handshake *handshake, belay_answer *answer, belay_admission *admission
) {
    if (belay_the_filter.on_handshake_answer != NULL) {
        *admission = belay_the_filter.on_handshake_answer(find(number), handshake, answer);
    } else {
        *admission = answer->is_err ? belay_refuse(503, NULL, 0, "") : belay_accept();
    }
    release_handshake(handshake);
    release_answer(answer);
}

void exports_belay_filter_filter_on_reopen(uint32_t number, belay_handshake *handshake) {
    void *session = begin(number);
    if (belay_the_filter.on_reopen != NULL) belay_the_filter.on_reopen(session, handshake);
    release_handshake(handshake);
}

// The payload goes back to the host if it is what the message is replaced by.
static uint8_t *payload_at_hand;

static void finish(belay_bytes *payload, const belay_verdict *verdict) {
    bool goes_back = verdict->tag == BELAY_FILTER_TYPES_VERDICT_REPLACE && verdict->val.replace.ptr == payload->ptr
        && verdict->val.replace.len > 0;
    if (!goes_back) release(payload->ptr, payload->len);
    payload_at_hand = NULL;
}

static belay_incoming incoming(uint8_t direction, uint8_t kind, uint32_t size, belay_bytes payload) {
    belay_incoming message = {(belay_direction)direction, (belay_kind)kind, size, payload};
    payload_at_hand = payload.len > 0 ? payload.ptr : NULL;
    return message;
}

void exports_belay_filter_filter_on_message(
    uint32_t number, uint8_t direction, uint8_t kind, uint32_t size, belay_bytes *payload, belay_verdict *verdict
) {
    belay_incoming message = incoming(direction, kind, size, *payload);
    *verdict = belay_the_filter.on_message == NULL ? belay_continue() : belay_the_filter.on_message(find(number), &message);
    finish(payload, verdict);
}

void exports_belay_filter_filter_on_message_answer(
    uint32_t number, uint8_t direction, uint8_t kind, uint32_t size, belay_bytes *payload, belay_answer *answer,
    belay_verdict *verdict
) {
    belay_incoming message = incoming(direction, kind, size, *payload);
    if (belay_the_filter.on_message_answer != NULL) {
        *verdict = belay_the_filter.on_message_answer(find(number), &message, answer);
    } else {
        *verdict = answer->is_err ? belay_close(1011, "") : belay_continue();
    }
    finish(payload, verdict);
    release_answer(answer);
}

void exports_belay_filter_filter_on_upstream(uint32_t number, belay_upstream_event *event, belay_reaction *reaction) {
    *reaction = belay_the_filter.on_upstream == NULL ? belay_nothing() : belay_the_filter.on_upstream(find(number), event);
}

void exports_belay_filter_filter_on_heartbeat(uint32_t number, uint8_t direction, belay_reaction *reaction) {
    *reaction = belay_the_filter.on_heartbeat == NULL
        ? belay_nothing()
        : belay_the_filter.on_heartbeat(find(number), (belay_direction)direction);
}

void exports_belay_filter_filter_on_timer(uint32_t number, uint32_t timer, belay_reaction *reaction) {
    *reaction = belay_the_filter.on_timer == NULL ? belay_nothing() : belay_the_filter.on_timer(find(number), timer);
}

void exports_belay_filter_filter_on_answer(uint32_t number, belay_answer *answer, belay_reaction *reaction) {
    *reaction = belay_the_filter.on_answer == NULL ? belay_nothing() : belay_the_filter.on_answer(find(number), answer);
    release_answer(answer);
}

void exports_belay_filter_filter_on_close(uint32_t number, belay_close_reason *reason) {
    if (belay_the_filter.on_close != NULL) belay_the_filter.on_close(find(number), reason);
    forget(number);
    release(reason->reason.ptr, reason->reason.len);
}

bool exports_belay_filter_state_snapshot(uint32_t number, belay_bytes *state) {
    bool known = belay_the_filter.session_size == 0 || (number < sessions_length && sessions[number] != NULL);
    if (belay_the_filter.snapshot == NULL || !known) return false;
    uint8_t *kept = must(malloc(SNAPSHOT_BYTES_MAX));
    size_t length = belay_the_filter.snapshot(find(number), kept, SNAPSHOT_BYTES_MAX);
    if (length == 0 || length > SNAPSHOT_BYTES_MAX) {
        free(kept);
        return false;
    }
    state->ptr = must(realloc(kept, length));
    state->len = length;
    return true;
}

bool exports_belay_filter_state_restore(uint32_t number, belay_handshake *handshake, belay_bytes *state, belay_string *problem) {
    belay_error error = {"this filter keeps no state over a reload"};
    void *session = begin(number);
    bool restored = belay_the_filter.restore != NULL && belay_the_filter.restore(session, handshake, *state, &error);
    release_handshake(handshake);
    release(state->ptr, state->len);
    if (!restored) {
        forget(number);
        *problem = copied_text(error.text);
    }
    return restored;
}

// Strings.

belay_string belay_str(const char *text) {
    belay_string s = {(uint8_t *)text, strlen(text)};
    return s;
}

bool belay_equal(belay_string a, const char *b) {
    size_t length = strlen(b);
    return a.len == length && memcmp(a.ptr, b, length) == 0;
}

bool belay_find(belay_bytes in, const char *text) {
    size_t length = strlen(text);
    for (size_t at = 0; at + length <= in.len; at++) {
        if (memcmp(in.ptr + at, text, length) == 0) return true;
    }
    return false;
}

char *belay_copy(belay_string text) {
    char *copy = must(malloc(text.len + 1));
    if (text.len > 0) memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    return copy;
}

bool belay_fail(belay_error *error, const char *field, const char *problem) {
    size_t length = 0;
    const char *parts[] = {field, field == NULL || field[0] == 0 ? NULL : ": ", problem};
    for (size_t i = 0; i < 3; i++) {
        for (const char *at = parts[i]; at != NULL && *at != 0 && length + 1 < sizeof error->text; at++) {
            error->text[length++] = *at;
        }
    }
    error->text[length] = 0;
    return false;
}

// The handshake.

belay_string belay_handshake_header(const belay_handshake *handshake, const char *name) {
    for (size_t i = 0; i < handshake->headers.len; i++) {
        if (belay_equal(handshake->headers.ptr[i].name, name)) return handshake->headers.ptr[i].value;
    }
    return belay_str("");
}

belay_string belay_handshake_query(const belay_handshake *handshake, const char *name) {
    const char *at = (const char *)handshake->query.ptr;
    size_t left = handshake->query.len, name_length = strlen(name);
    while (left > 0) {
        const char *amp = memchr(at, '&', left);
        size_t length = amp == NULL ? left : (size_t)(amp - at);
        if (length > name_length && at[name_length] == '=' && memcmp(at, name, name_length) == 0) {
            belay_string value = {(uint8_t *)at + name_length + 1, length - name_length - 1};
            return value;
        }
        size_t passed = amp == NULL ? length : length + 1;
        at += passed;
        left -= passed;
    }
    return belay_str("");
}

// Answers.

belay_admission belay_accept(void) {
    belay_admission a = {.tag = BELAY_FILTER_TYPES_ADMISSION_ACCEPT};
    return a;
}

belay_admission belay_refuse(uint16_t status, const belay_header *headers, size_t count, const char *body) {
    belay_admission a = {.tag = BELAY_FILTER_TYPES_ADMISSION_REFUSE};
    a.val.refuse.status = status;
    a.val.refuse.headers = copied_headers(headers, count);
    a.val.refuse.body = copied_text(body);
    return a;
}

belay_admission belay_ask_first(const belay_request *request) {
    belay_admission a = {.tag = BELAY_FILTER_TYPES_ADMISSION_CALL_OUT};
    a.val.call_out = copied_request(request);
    return a;
}

static belay_verdict verdict(uint8_t tag) {
    belay_verdict v = {.tag = tag};
    return v;
}

static belay_filter_types_message_t message(belay_kind kind, belay_bytes payload) {
    belay_filter_types_message_t m = {(uint8_t)kind, copied_bytes(payload)};
    return m;
}

static belay_bytes bytes_of(const char *text) {
    belay_bytes bytes = {(uint8_t *)text, strlen(text)};
    return bytes;
}

static belay_close_reason close_reason(uint16_t code, const char *reason) {
    belay_close_reason c = {code, copied_text(reason)};
    return c;
}

belay_verdict belay_continue(void) { return verdict(BELAY_FILTER_TYPES_VERDICT_CONTINUE); }
belay_verdict belay_remember(void) { return verdict(BELAY_FILTER_TYPES_VERDICT_REMEMBER); }
belay_verdict belay_drop(void) { return verdict(BELAY_FILTER_TYPES_VERDICT_DROP); }

belay_verdict belay_replace(belay_bytes payload) {
    belay_verdict v = verdict(BELAY_FILTER_TYPES_VERDICT_REPLACE);
    v.val.replace = payload.len > 0 && payload.ptr == payload_at_hand ? payload : copied_bytes(payload);
    return v;
}

belay_verdict belay_reply(belay_kind kind, belay_bytes payload) {
    belay_verdict v = verdict(BELAY_FILTER_TYPES_VERDICT_REPLY);
    v.val.reply = message(kind, payload);
    return v;
}

belay_verdict belay_reply_text(const char *text) { return belay_reply(BELAY_TEXT, bytes_of(text)); }

belay_verdict belay_heartbeat(const char *answer) {
    belay_verdict v = verdict(BELAY_FILTER_TYPES_VERDICT_HEARTBEAT);
    v.val.heartbeat.is_some = answer != NULL;
    if (answer != NULL) v.val.heartbeat.val = message(BELAY_TEXT, bytes_of(answer));
    return v;
}

belay_verdict belay_close(uint16_t code, const char *reason) {
    belay_verdict v = verdict(BELAY_FILTER_TYPES_VERDICT_CLOSE);
    v.val.close = close_reason(code, reason);
    return v;
}

belay_verdict belay_call_out(const belay_request *request) {
    belay_verdict v = verdict(BELAY_FILTER_TYPES_VERDICT_CALL_OUT);
    v.val.call_out = copied_request(request);
    return v;
}

belay_reaction belay_nothing(void) {
    belay_reaction r = {.tag = BELAY_FILTER_TYPES_REACTION_NONE};
    return r;
}

belay_reaction belay_send(belay_kind kind, belay_bytes payload) {
    belay_reaction r = {.tag = BELAY_FILTER_TYPES_REACTION_SEND};
    r.val.send = message(kind, payload);
    return r;
}

belay_reaction belay_send_text(const char *text) { return belay_send(BELAY_TEXT, bytes_of(text)); }

belay_reaction belay_end(uint16_t code, const char *reason) {
    belay_reaction r = {.tag = BELAY_FILTER_TYPES_REACTION_CLOSE};
    r.val.close = close_reason(code, reason);
    return r;
}

belay_reaction belay_ask(const belay_request *request) {
    belay_reaction r = {.tag = BELAY_FILTER_TYPES_REACTION_CALL_OUT};
    r.val.call_out = copied_request(request);
    return r;
}

// The world's imports.

void belay_log(belay_level level, const char *text) {
    belay_string line = belay_str(text);
    belay_filter_host_log((uint8_t)level, &line);
}

void belay_count(const char *name, uint64_t by) {
    belay_string n = belay_str(name);
    belay_filter_host_count(&n, by);
}

bool belay_read_file(const char *name, belay_bytes *content) {
    belay_string n = belay_str(name);
    return belay_filter_host_read_file(&n, content);
}

uint64_t belay_file_version(const char *name) {
    belay_string n = belay_str(name);
    return belay_filter_host_file_version(&n);
}

bool belay_attribute(const char *name, belay_string *value) {
    belay_string n = belay_str(name);
    return belay_filter_current_attribute(&n, value);
}

void belay_set_attribute(const char *name, belay_string value) {
    belay_string n = belay_str(name);
    belay_filter_current_set_attribute(&n, &value);
}

void belay_remove_attribute(const char *name) {
    belay_string n = belay_str(name);
    belay_filter_current_remove_attribute(&n);
}

void belay_set_upstream_header(const char *name, belay_string value) {
    belay_string n = belay_str(name);
    belay_filter_current_set_upstream_header(&n, &value);
}

void belay_offer_subprotocols(const belay_string *names, size_t count) {
    belay_world_list_string_t list = {(belay_string *)names, count};
    belay_filter_current_offer_subprotocols(&list);
}

void belay_default_subprotocol(const char *name) {
    belay_string n = belay_str(name);
    belay_filter_current_default_subprotocol(&n);
}

// What the host says of a definition that it refuses.
static bool refused(belay_error *error, belay_string problem) {
    char *text = belay_copy(problem);
    release(problem.ptr, problem.len);
    belay_fail(error, NULL, text);
    free(text);
    return false;
}

bool belay_define_limiter(const char *name, belay_quota quota, belay_limiter *limiter, belay_error *error) {
    belay_string n = belay_str(name), problem = {0};
    return belay_filter_limiter_define(&n, &quota, limiter, &problem) || refused(error, problem);
}

bool belay_take(belay_limiter limiter, belay_string key, uint32_t tokens, uint64_t *retry_after_ms) {
    uint64_t after = 0;
    bool taken = belay_filter_limiter_take(limiter, &key, tokens, &after);
    if (retry_after_ms != NULL) *retry_after_ms = after;
    return taken;
}

bool belay_define_breaker(const char *name, belay_breaker_settings settings, belay_breaker *breaker, belay_error *error) {
    belay_string n = belay_str(name), problem = {0};
    return belay_filter_breaker_define(&n, &settings, breaker, &problem) || refused(error, problem);
}

belay_breaker belay_breaker_keyed(belay_breaker breaker, belay_string key) { return belay_filter_breaker_keyed(breaker, &key); }

bool belay_breaker_admit(belay_breaker breaker, uint64_t *retry_after_ms) {
    uint64_t after = 0;
    bool admitted = belay_filter_breaker_admit(breaker, &after);
    if (retry_after_ms != NULL) *retry_after_ms = after;
    return admitted;
}

bool belay_store_get(belay_string key, belay_bytes *value) { return belay_filter_store_get(&key, value); }

bool belay_store_set(belay_string key, belay_bytes value, uint64_t ttl_ms) {
    return belay_filter_store_set(&key, &value, ttl_ms);
}

void belay_store_remove(belay_string key) { belay_filter_store_remove(&key); }
int64_t belay_store_add(belay_string key, int64_t by, uint64_t ttl_ms) { return belay_filter_store_add(&key, by, ttl_ms); }

#ifdef __wasm__
// The generated bindings ask for an object file that tells the world. `belay filter build` tells it instead.
void __component_type_object_force_link_belay_world(void) {}
#endif
