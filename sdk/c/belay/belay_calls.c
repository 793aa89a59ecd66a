// What a filter calls: the answers' constructors, and from belay.h's functions to the world's imports.
#include "belay_memory.h"

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

// Answers. What they hold is the host's to free.

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
    v.val.replace = payload.len > 0 && payload.ptr == belay_payload_at_hand ? payload : copied_bytes(payload);
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
