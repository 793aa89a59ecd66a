// From the world's exports to belay_the_filter. Knows nothing of how they lie in memory: that is generated. Keeps the table of
// sessions, and frees what the host handed over.
#include "belay_memory.h"

enum { SNAPSHOT_BYTES_MAX = 16 * 1024 };

// What the host handed over is let go.

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

uint8_t *belay_payload_at_hand;

static void finish(belay_bytes *payload, const belay_verdict *verdict) {
    bool goes_back = verdict->tag == BELAY_FILTER_TYPES_VERDICT_REPLACE && verdict->val.replace.ptr == payload->ptr
        && verdict->val.replace.len > 0;
    if (!goes_back) release(payload->ptr, payload->len);
    belay_payload_at_hand = NULL;
}

static belay_incoming incoming(uint8_t direction, uint8_t kind, uint32_t size, belay_bytes payload) {
    belay_incoming message = {(belay_direction)direction, (belay_kind)kind, size, payload};
    belay_payload_at_hand = payload.len > 0 ? payload.ptr : NULL;
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

#ifdef __wasm__
// The generated bindings ask for an object file that tells the world. `belay filter build` tells it instead.
void __component_type_object_force_link_belay_world(void) {}
#endif
