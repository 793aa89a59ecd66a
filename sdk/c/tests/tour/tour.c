// Tour uses each answer, each event and each of the host's functions: sdk/conformance/tour.yaml is its judge.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "belay.h"

static belay_breaker breaker;
static belay_limiter limiter;
static uint64_t file_version, since_ms;

static const char *const failures[] = {"forbidden", "busy", "timeout", "unreachable", "too-large"};

static bool configure(belay_string config, belay_subscription *wanted, belay_error *error) {
    (void)config;
    wanted->to_backend = belay_whole();
    wanted->to_client = belay_prefix(8);
    wanted->events = BELAY_FILTER_TYPES_EVENTS_HANDSHAKE | BELAY_FILTER_TYPES_EVENTS_UPSTREAM
        | BELAY_FILTER_TYPES_EVENTS_HEARTBEAT | BELAY_FILTER_TYPES_EVENTS_CLOSE;
    belay_breaker_settings settings = {
        .window_ms = 60000, .results_min = 2, .failure_percent = 50, .open_ms = 10000, .probes = 1};
    belay_quota quota = {.tokens = 2, .period_ms = 1000, .burst = 2};
    return belay_define_breaker("backend", settings, &breaker, error)
        && belay_define_limiter("takes", quota, &limiter, error);
}

static belay_admission ask_first(const belay_handshake *handshake) {
    char url[256];
    snprintf(url, sizeof url, "http://auth.test/check?%.*s", BELAY_FMT(handshake->query));
    belay_string token = belay_handshake_header(handshake, "authorization");
    belay_header header = {belay_str("authorization"), token};
    belay_request request = {
        .method = belay_str("GET"),
        .url = belay_str(url),
        .headers = {&header, token.len > 0 ? 1 : 0},
        .timeout_ms = 1500,
    };
    return belay_ask_first(&request);
}

static void offer_protocols(const belay_handshake *handshake) {
    size_t count = handshake->subprotocols.len;
    char names[8][64];
    belay_string offered[8];
    for (size_t i = 0; i < count && i < 8; i++) {
        snprintf(names[i], sizeof names[i], "tour.%.*s", BELAY_FMT(handshake->subprotocols.ptr[count - 1 - i]));
        offered[i] = belay_str(names[i]);
    }
    belay_offer_subprotocols(offered, count < 8 ? count : 8);
    belay_default_subprotocol("tour");
}

static belay_admission on_handshake(void *session, const belay_handshake *handshake) {
    (void)session;
    if (belay_equal(handshake->path, "/refuse")) {
        belay_header header = {belay_str("x-tour"), belay_str("no")};
        return belay_refuse(403, &header, 1, "not here");
    }
    if (belay_equal(handshake->path, "/ask")) return ask_first(handshake);
    if (belay_equal(handshake->path, "/protocols")) offer_protocols(handshake);
    return belay_accept();
}

static belay_admission on_handshake_answer(void *session, const belay_handshake *handshake, const belay_answer *answer) {
    (void)session, (void)handshake;
    if (answer->is_err) return belay_refuse(503, NULL, 0, failures[answer->val.err]);
    const belay_response *response = &answer->val.ok;
    if (response->status == 307) {
        belay_request again = {.method = belay_str("GET"), .url = belay_str("http://auth.test/again")};
        return belay_ask_first(&again);
    }
    if (response->status != 200) return belay_refuse(response->status, NULL, 0, "");
    if (response->headers.len > 0) {
        char who[256];
        snprintf(who, sizeof who, "%.*s %.*s", BELAY_FMT(response->headers.ptr[0].value), BELAY_FMT(response->body));
        belay_set_attribute("who", belay_str(who));
        belay_set_upstream_header("x-who", belay_str(who));
    }
    return belay_accept();
}

// A string or bytes of the host's, as a reply; then freed.
static belay_verdict reply_and_free(bool given, void *at, size_t length, const char *otherwise) {
    if (!given) return belay_reply_text(otherwise);
    belay_bytes payload = {at, length};
    belay_verdict verdict = belay_reply(BELAY_TEXT, payload);
    if (length > 0) free(at);
    return verdict;
}

static belay_verdict reply_number(const char *format, uint64_t number) {
    char text[64];
    snprintf(text, sizeof text, format, number);
    return belay_reply_text(text);
}

static belay_verdict granted(bool ok, uint64_t retry_after_ms) {
    return ok ? belay_reply_text("yes") : reply_number("in %" PRIu64, retry_after_ms);
}

static const char *state_of(belay_breaker which) {
    static const char *const states[] = {"closed", "open", "half-open"};
    return states[belay_breaker_state(which)];
}

static belay_verdict log_all(void) {
    belay_log(BELAY_DEBUG, "one");
    belay_log(BELAY_INFO, "two");
    belay_log(BELAY_WARN, "three ç…");
    belay_log(BELAY_ERROR, "four");
    belay_count("logged", 4);
    return belay_drop();
}

// Answers with what the host says.
static belay_verdict ask_host(const char *text) {
    uint64_t wait = 0;
    if (strcmp(text, "who") == 0) {
        belay_string who = {0};
        bool known = belay_attribute("who", &who);
        return reply_and_free(known, who.ptr, who.len, "nobody");
    }
    if (strcmp(text, "load") == 0) {
        belay_bytes value = {0};
        bool there = belay_store_get(belay_str("saved"), &value);
        return reply_and_free(there, value.ptr, value.len, "nothing");
    }
    if (strcmp(text, "breaker") == 0) return belay_reply_text(state_of(breaker));
    if (strcmp(text, "other breaker") == 0) {
        return belay_reply_text(state_of(belay_breaker_keyed(breaker, belay_str("other"))));
    }
    if (strcmp(text, "admit") == 0) {
        bool ok = belay_breaker_admit(breaker, &wait);
        return granted(ok, wait);
    }
    if (strcmp(text, "take") == 0) {
        bool ok = belay_take(limiter, belay_str("key"), 1, &wait);
        return granted(ok, wait);
    }
    if (strcmp(text, "file") == 0) {
        belay_bytes content = {0};
        bool there = belay_read_file("greeting", &content);
        file_version = belay_file_version("greeting");
        return reply_and_free(there, content.ptr, content.len, "no file");
    }
    if (strcmp(text, "same file") == 0) {
        return belay_reply_text(belay_file_version("greeting") == file_version ? "yes" : "no");
    }
    if (strcmp(text, "clock") == 0) return reply_number("%" PRIu64, belay_unix_ms());
    if (strcmp(text, "since") == 0) {
        uint64_t passed = since_ms == 0 ? 0 : belay_now_ms() - since_ms;
        since_ms = belay_now_ms();
        return reply_number("%" PRIu64, passed);
    }
    if (strcmp(text, "dice") == 0) return reply_number("%" PRIu64, belay_random());
    if (strcmp(text, "log") == 0) return log_all();
    return belay_continue();
}

// Does what it is told.
static belay_verdict obey(const char *text, belay_incoming *message) {
    static const uint8_t some_bytes[] = {0, 1, 255};
    if (strcmp(text, "remember") == 0) return belay_remember();
    if (strcmp(text, "drop") == 0) return belay_drop();
    if (strcmp(text, "beat") == 0) return belay_heartbeat(NULL);
    if (strcmp(text, "ping") == 0) return belay_heartbeat("pong");
    if (strcmp(text, "bye") == 0) return belay_close(4000, "bye");
    if (strcmp(text, "trap") == 0) abort();
    if (strcmp(text, "binary") == 0) return belay_reply(BELAY_BINARY, (belay_bytes){(uint8_t *)some_bytes, sizeof some_bytes});
    if (strcmp(text, "empty") == 0) return belay_replace((belay_bytes){NULL, 0});
    if (strcmp(text, "ask") == 0) {
        belay_header header = {belay_str("content-type"), belay_str("text/plain")};
        belay_request request = {
            .method = belay_str("POST"),
            .url = belay_str("http://judge.test/"),
            .headers = {&header, 1},
            .body = message->payload,
            .timeout_ms = 250,
        };
        return belay_call_out(&request);
    }
    if (strcmp(text, "timers") == 0) {
        belay_set_timer(1, 5000);
        belay_set_timer(2, 10000);
        belay_set_timer(3, 1000);
        belay_set_timer(3, 20000);
    } else if (strcmp(text, "cancel") == 0) {
        belay_cancel_timer(2);
    } else if (strncmp(text, "be ", 3) == 0) {
        belay_set_attribute("who", belay_str(text + 3));
    } else if (strcmp(text, "forget") == 0) {
        belay_remove_attribute("who");
    } else if (strncmp(text, "save ", 5) == 0) {
        belay_bytes value = {(uint8_t *)text + 5, strlen(text + 5)};
        return belay_store_set(belay_str("saved"), value, 60000) ? belay_drop() : belay_reply_text("full");
    } else if (strcmp(text, "lose") == 0) {
        belay_store_remove(belay_str("saved"));
        return belay_drop();
    } else {
        return ask_host(text);
    }
    return belay_continue();
}

static belay_verdict from_backend(const belay_incoming *message) {
    if (message->payload.len == 6 && belay_find(message->payload, "secret")) return belay_drop();
    if (message->size <= 8) return belay_continue();
    char text[64];
    snprintf(text, sizeof text, "%.*s of %" PRIu32, BELAY_FMT(message->payload), message->size);
    return belay_reply_text(text);
}

static belay_verdict on_message(void *session, belay_incoming *message) {
    (void)session;
    if (message->direction == BELAY_TO_CLIENT) return from_backend(message);
    if (message->kind == BELAY_BINARY) {
        uint8_t *bytes = message->payload.ptr;
        for (size_t i = 0, j = message->payload.len; i + 1 < j; i++) {
            uint8_t byte = bytes[--j];
            bytes[j] = bytes[i];
            bytes[i] = byte;
        }
        return belay_replace(message->payload);
    }
    char *text = belay_copy((belay_string){message->payload.ptr, message->payload.len});
    belay_verdict verdict = obey(text, message);
    free(text);
    return verdict;
}

static belay_verdict on_message_answer(void *session, belay_incoming *message, const belay_answer *answer) {
    (void)session, (void)message;
    if (answer->is_err) return belay_reply_text(failures[answer->val.err]);
    return answer->val.ok.status == 200 ? belay_replace(answer->val.ok.body) : belay_drop();
}

static belay_reaction on_upstream(void *session, const belay_upstream_event *event) {
    (void)session;
    switch (event->tag) {
    case BELAY_FILTER_TYPES_UPSTREAM_EVENT_CONNECTED: belay_breaker_success(breaker, event->val.connected); break;
    case BELAY_FILTER_TYPES_UPSTREAM_EVENT_FAILED: belay_breaker_failure(breaker); break;
    case BELAY_FILTER_TYPES_UPSTREAM_EVENT_LOST: return belay_send_text("lost");
    default: {
        char url[80];
        snprintf(url, sizeof url, "http://metrics.test/latency/%" PRIu64, event->val.latency);
        belay_request request = {.method = belay_str("GET"), .url = belay_str(url)};
        return belay_ask(&request);
    }
    }
    return belay_nothing();
}

static belay_reaction on_heartbeat(void *session, belay_direction direction) {
    (void)session;
    static const uint8_t bell = 7;
    return direction == BELAY_TO_BACKEND ? belay_send(BELAY_BINARY, (belay_bytes){(uint8_t *)&bell, 1}) : belay_nothing();
}

static belay_reaction on_timer(void *session, uint32_t timer) {
    (void)session;
    char text[32];
    snprintf(text, sizeof text, "timer %" PRIu32, timer);
    return timer == 3 ? belay_end(4002, text) : belay_send_text(text);
}

static belay_reaction on_answer(void *session, const belay_answer *answer) {
    (void)session;
    if (answer->is_err) return belay_end(4001, failures[answer->val.err]);
    char text[32];
    snprintf(text, sizeof text, "answered %u", answer->val.ok.status);
    return belay_send_text(text);
}

const belay_filter belay_the_filter = {
    .configure = configure,
    .on_handshake = on_handshake,
    .on_handshake_answer = on_handshake_answer,
    .on_message = on_message,
    .on_message_answer = on_message_answer,
    .on_upstream = on_upstream,
    .on_heartbeat = on_heartbeat,
    .on_timer = on_timer,
    .on_answer = on_answer,
};
