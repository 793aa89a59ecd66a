// Write a filter for Belay in C: fill in one belay_filter, named belay_the_filter.
//
// A filter is told of what happens to sessions (a client asks to be let in, a message passes, the backend is lost) and answers
// each with a verdict. This one does not let anybody say "darn":
//
//     #include "belay.h"
//
//     static bool configure(belay_string config, belay_subscription *wanted, belay_error *error) {
//         wanted->to_backend = belay_whole();
//         return true;
//     }
//
//     static belay_verdict on_message(void *session, belay_incoming *message) {
//         return belay_find(message->payload, "darn") ? belay_close(1008, "mind your language") : belay_continue();
//     }
//
//     const belay_filter belay_the_filter = { .configure = configure, .on_message = on_message };
//
// One instance serves many sessions of one worker, one call at a time. A call never blocks and has a deadline. What must be
// shared between workers, or survive a trap, belongs to the host: limiters, breakers, the store, attributes.
//
// Strings have a length and no zero behind it. What a function of yours is given belongs to the SDK, until the function returns;
// what the answers' constructors (belay_replace, …) are given they copy. What the host gives (belay_attribute, …) is yours to free.
#ifndef BELAY_H
#define BELAY_H

#include "generated/belay_world.h"

#ifdef __cplusplus
extern "C" {
#endif

// Text is UTF-8. `(char *)text.ptr` and `text.len`, or `%.*s` with BELAY_FMT(text).
typedef belay_world_string_t belay_string;
typedef belay_world_list_u8_t belay_bytes;
typedef belay_filter_types_header_t belay_header;
typedef belay_filter_types_list_header_t belay_headers;
typedef belay_filter_types_handshake_t belay_handshake;
typedef belay_filter_types_request_t belay_request;
typedef belay_filter_types_response_t belay_response;
// `is_err`: val.err is one of BELAY_FILTER_TYPES_CALLOUT_ERROR_…; else val.ok is the response.
typedef belay_filter_types_answer_t belay_answer;
typedef belay_filter_types_admission_t belay_admission;
typedef belay_filter_types_verdict_t belay_verdict;
typedef belay_filter_types_reaction_t belay_reaction;
typedef belay_filter_types_interest_t belay_interest;
// Nothing, but for what you set: to_backend, to_client, and events, BELAY_FILTER_TYPES_EVENTS_… or'ed.
typedef belay_filter_types_subscription_t belay_subscription;
// BELAY_FILTER_TYPES_UPSTREAM_EVENT_… as tag; val.connected and val.latency are in microseconds.
typedef belay_filter_types_upstream_event_t belay_upstream_event;
typedef belay_filter_types_close_reason_t belay_close_reason;

typedef enum { BELAY_TO_BACKEND, BELAY_TO_CLIENT } belay_direction;
typedef enum { BELAY_TEXT, BELAY_BINARY } belay_kind;
typedef enum { BELAY_DEBUG, BELAY_INFO, BELAY_WARN, BELAY_ERROR } belay_level;

// A message on its way.
typedef struct {
    belay_direction direction;
    belay_kind kind;
    // Its own length in bytes.
    uint32_t size;
    // As much as was subscribed to. Change it in place and hand it to belay_replace: that copies nothing.
    belay_bytes payload;
} belay_incoming;

// What is wrong with a config or a state, for whoever wrote it.
typedef struct {
    char text[256];
} belay_error;

// What a filter does. What is left out lets things pass. `session` is session_size bytes of yours, zero when the session is
// first heard of, gone when it is over; NULL if session_size is 0.
typedef struct {
    size_t session_size;

    // Called once, before all else, with the YAML's `config` as JSON (see belay_json.h). Limiters and breakers are defined here.
    // False and an error (belay_fail) keep the proxy from starting, or the old filter in place.
    bool (*configure)(belay_string config, belay_subscription *wanted, belay_error *error);

    // A client asks to be let in.
    belay_admission (*on_handshake)(void *session, const belay_handshake *handshake);
    // The same client, and the answer to what was asked about it (belay_ask_first). Left out: let in if there is an answer.
    belay_admission (*on_handshake_answer)(void *session, const belay_handshake *handshake, const belay_answer *answer);
    // A session that was let in before, in an instance that was not there then (the last one trapped, or was replaced).
    void (*on_reopen)(void *session, const belay_handshake *handshake);
    belay_verdict (*on_message)(void *session, belay_incoming *message);
    // The same message, and the answer to what was asked about it (belay_call_out). Left out: passed on if there is an answer.
    belay_verdict (*on_message_answer)(void *session, belay_incoming *message, const belay_answer *answer);
    belay_reaction (*on_upstream)(void *session, const belay_upstream_event *event);
    // A heartbeat that came in this direction was answered at the edge.
    belay_reaction (*on_heartbeat)(void *session, belay_direction direction);
    // A timer of belay_set_timer is due. Needs no subscription.
    belay_reaction (*on_timer)(void *session, uint32_t timer);
    // The answer to what a reaction asked (belay_ask).
    belay_reaction (*on_answer)(void *session, const belay_answer *answer);
    // The session is over. Its bytes go after this.
    void (*on_close)(void *session, const belay_close_reason *reason);

    // What is kept of a session over a reload: writes at most 16 KiB to `state` and says how much; 0: nothing to keep.
    size_t (*snapshot)(const void *session, uint8_t *state, size_t size);
    // Makes of a zero session what another instance's snapshot says that it was. False and an error: it is opened anew.
    bool (*restore)(void *session, const belay_handshake *handshake, belay_bytes state, belay_error *error);
} belay_filter;

// Yours to define.
extern const belay_filter belay_the_filter;

// Strings.

#define BELAY_FMT(text) (int)(text).len, (const char *)(text).ptr

// A string of C's, not copied.
belay_string belay_str(const char *text);
bool belay_equal(belay_string a, const char *b);
// Whether these bytes hold that text.
bool belay_find(belay_bytes in, const char *text);
// A copy with a zero behind it, to be freed.
char *belay_copy(belay_string text);
// Says what is wrong with a field of the config ("" or NULL: with all of it). Gives false, to be returned.
bool belay_fail(belay_error *error, const char *field, const char *problem);

// The handshake.

// The first header of this name (in lower case), or one of length 0.
belay_string belay_handshake_header(const belay_handshake *handshake, const char *name);
// The first query parameter of this name as it is written, or one of length 0.
belay_string belay_handshake_query(const belay_handshake *handshake, const char *name);

// Interests.

static inline belay_interest belay_ignore(void) { belay_interest i = {BELAY_FILTER_TYPES_INTEREST_IGNORE, {0}}; return i; }
static inline belay_interest belay_size(void) { belay_interest i = {BELAY_FILTER_TYPES_INTEREST_SIZE, {0}}; return i; }
static inline belay_interest belay_prefix(uint32_t bytes) { belay_interest i = {BELAY_FILTER_TYPES_INTEREST_PREFIX, {bytes}}; return i; }
static inline belay_interest belay_whole(void) { belay_interest i = {BELAY_FILTER_TYPES_INTEREST_WHOLE, {0}}; return i; }

// Admissions.

belay_admission belay_accept(void);
// `status` is 300 to 599; `headers` may be NULL if there are none.
belay_admission belay_refuse(uint16_t status, const belay_header *headers, size_t count, const char *body);
// Asks an HTTP service first; its origin must be in the YAML's `callouts.allow`.
belay_admission belay_ask_first(const belay_request *request);

// Verdicts. A text must be UTF-8; a close reason has at most 123 bytes.

belay_verdict belay_continue(void);
belay_verdict belay_remember(void);
belay_verdict belay_replace(belay_bytes payload);
belay_verdict belay_reply(belay_kind kind, belay_bytes payload);
belay_verdict belay_reply_text(const char *text);
belay_verdict belay_drop(void);
// `answer` may be NULL: then the sender of the heartbeat is told nothing.
belay_verdict belay_heartbeat(const char *answer);
belay_verdict belay_close(uint16_t code, const char *reason);
belay_verdict belay_call_out(const belay_request *request);

// Reactions.

belay_reaction belay_nothing(void);
belay_reaction belay_send(belay_kind kind, belay_bytes payload);
belay_reaction belay_send_text(const char *text);
belay_reaction belay_end(uint16_t code, const char *reason);
belay_reaction belay_ask(const belay_request *request);

// The host: the log, the clock, chance, counters, files.

void belay_log(belay_level level, const char *text);
static inline uint64_t belay_now_ms(void) { return belay_filter_host_now_ms(); }
static inline uint64_t belay_unix_ms(void) { return belay_filter_host_unix_ms(); }
// Not for secrets.
static inline uint64_t belay_random(void) { return belay_filter_host_random(); }
// Adds to `belay_filter_custom_total{filter, name}`; at most 32 names.
void belay_count(const char *name, uint64_t by);
// A file of the YAML's `files`. Free content->ptr if true.
bool belay_read_file(const char *name, belay_bytes *content);
uint64_t belay_file_version(const char *name);

// The session of the event at hand: 64 attributes of at most 256 and 4096 bytes, 32 headers, 8 timers.

// Free value->ptr if true.
bool belay_attribute(const char *name, belay_string *value);
void belay_set_attribute(const char *name, belay_string value);
void belay_remove_attribute(const char *name);
// An empty value takes the header away.
void belay_set_upstream_header(const char *name, belay_string value);
void belay_offer_subprotocols(const belay_string *names, size_t count);
void belay_default_subprotocol(const char *name);
static inline void belay_set_timer(uint32_t timer, uint64_t after_ms) { belay_filter_current_set_timer(timer, after_ms); }
static inline void belay_cancel_timer(uint32_t timer) { belay_filter_current_cancel_timer(timer); }

// Limiters, breakers and the store, shared by all workers of the process.

typedef uint32_t belay_limiter;
typedef belay_filter_limiter_quota_t belay_quota;
// Only in configure.
bool belay_define_limiter(const char *name, belay_quota quota, belay_limiter *limiter, belay_error *error);
// All tokens or none; then retry_after_ms (may be NULL) says when they would be there, UINT64_MAX: never.
bool belay_take(belay_limiter limiter, belay_string key, uint32_t tokens, uint64_t *retry_after_ms);

typedef uint32_t belay_breaker;
typedef belay_filter_breaker_settings_t belay_breaker_settings;
// Only in configure.
bool belay_define_breaker(const char *name, belay_breaker_settings settings, belay_breaker *breaker, belay_error *error);
belay_breaker belay_breaker_keyed(belay_breaker breaker, belay_string key);
bool belay_breaker_admit(belay_breaker breaker, uint64_t *retry_after_ms);
static inline void belay_breaker_success(belay_breaker b, uint64_t latency_us) { belay_filter_breaker_success(b, latency_us); }
static inline void belay_breaker_failure(belay_breaker b) { belay_filter_breaker_failure(b); }
// BELAY_FILTER_BREAKER_STATE_…
static inline uint8_t belay_breaker_state(belay_breaker b) { return belay_filter_breaker_peek(b); }

// Free value->ptr if true.
bool belay_store_get(belay_string key, belay_bytes *value);
// False when the table is full.
bool belay_store_set(belay_string key, belay_bytes value, uint64_t ttl_ms);
void belay_store_remove(belay_string key);
int64_t belay_store_add(belay_string key, int64_t by, uint64_t ttl_ms);

#ifdef __cplusplus
}
#endif
#endif
