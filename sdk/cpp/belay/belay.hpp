// Write a filter for Belay in C++17: derive from belay::Filter<Session>, and BELAY_EXPORT it.
//
//     #include "belay.hpp"
//
//     class Mask : public belay::Filter<int> { // What is kept of each session: how often this client was rude.
//     public:
//         static Mask *configure(std::string_view config, belay::Error &error) { return new Mask; }
//         belay::Subscription subscription() const override { return {belay::whole()}; }
//         belay::Verdict on_message(int &rude, belay::Incoming &message) override {
//             if (message.text().find("darn") == std::string_view::npos) return belay::pass();
//             return ++rude > 3 ? belay::close(1008, "mind your language") : belay::reply("pardon?");
//         }
//     };
//     BELAY_EXPORT(Mask)
//
// A thin layer over the C SDK (belay.h), whose comments hold here too. There are no exceptions: build with -fno-exceptions.
// Views that a function of yours is given end with it; the strings that functions here give are yours.
#ifndef BELAY_HPP
#define BELAY_HPP

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "belay.h"
#include "belay_json.h"

namespace belay {

using Direction = belay_direction;
using Kind = belay_kind;
using Interest = belay_interest;
using Admission = belay_admission;
using Verdict = belay_verdict;
using Reaction = belay_reaction;
using CloseReason = belay_close_reason;
using UpstreamEvent = belay_upstream_event;

inline std::string_view view(belay_string text) { return {reinterpret_cast<const char *>(text.ptr), text.len}; }
inline std::string_view view(belay_bytes bytes) { return {reinterpret_cast<const char *>(bytes.ptr), bytes.len}; }
inline belay_string string(std::string_view text) {
    return {reinterpret_cast<uint8_t *>(const_cast<char *>(text.data())), text.size()};
}
inline belay_bytes bytes(std::string_view text) {
    return {reinterpret_cast<uint8_t *>(const_cast<char *>(text.data())), text.size()};
}

// What is wrong with a config or a state.
class Error {
public:
    explicit Error(belay_error *error) : error_(error) {}
    // Both give false, to be returned.
    bool field(const std::string &field, const std::string &problem) const {
        return belay_fail(error_, field.c_str(), problem.c_str());
    }
    bool say(const std::string &problem) const { return belay_fail(error_, nullptr, problem.c_str()); }
    belay_error *raw() const { return error_; }

private:
    belay_error *error_;
};

class Handshake {
public:
    explicit Handshake(const belay_handshake *raw) : raw_(raw) {}
    std::string_view session_id() const { return view(raw_->session_id); }
    std::string_view route() const { return view(raw_->route); }
    std::string_view peer_address() const { return view(raw_->peer_address); }
    uint16_t peer_port() const { return raw_->peer_port; }
    std::string_view host() const { return view(raw_->host); }
    std::string_view path() const { return view(raw_->path); }
    std::string_view query() const { return view(raw_->query); }
    // Empty if there is none of this name (in lower case).
    std::string_view header(const char *name) const { return view(belay_handshake_header(raw_, name)); }
    // The query parameter as it is written; empty if there is none.
    std::string_view query(const char *name) const { return view(belay_handshake_query(raw_, name)); }
    const belay_handshake &raw() const { return *raw_; }

private:
    const belay_handshake *raw_;
};

// A message on its way. Its bytes may be changed in place and handed to replace: that copies nothing.
struct Incoming : belay_incoming {
    // Empty if the message is binary.
    std::string_view text() const { return kind == BELAY_TEXT ? view(payload) : std::string_view(); }
};

// What became of a callout: a response, or one of BELAY_FILTER_TYPES_CALLOUT_ERROR_….
class Answer {
public:
    explicit Answer(const belay_answer *raw) : raw_(raw) {}
    bool failed() const { return raw_->is_err; }
    uint8_t error() const { return raw_->val.err; }
    uint16_t status() const { return failed() ? 0 : raw_->val.ok.status; }
    std::string_view body() const { return failed() ? std::string_view() : view(raw_->val.ok.body); }
    const belay_answer &raw() const { return *raw_; }

private:
    const belay_answer *raw_;
};

// What is asked of an HTTP service.
struct Request {
    std::string_view method = "GET", url;
    std::vector<belay_header> headers;
    std::string_view body;
    // 0, and more than the YAML's `callouts.timeout`, mean that timeout.
    uint32_t timeout_ms = 0;

    belay_request raw() const {
        return {string(method), string(url), {const_cast<belay_header *>(headers.data()), headers.size()}, bytes(body), timeout_ms};
    }
};

inline belay_header header(std::string_view name, std::string_view value) { return {string(name), string(value)}; }

// Interests.
inline Interest ignore() { return belay_ignore(); }
inline Interest size() { return belay_size(); }
inline Interest prefix(uint32_t bytes) { return belay_prefix(bytes); }
inline Interest whole() { return belay_whole(); }

// What a filter wants to hear. Nobody is called for anything else.
struct Subscription {
    Interest to_backend = ignore();
    Interest to_client = ignore();
    bool handshake = false, upstream = false, heartbeat = false;
};

// Admissions.
inline Admission accept() { return belay_accept(); }
inline Admission refuse(uint16_t status, const std::string &body, const std::vector<belay_header> &headers = {}) {
    return belay_refuse(status, headers.data(), headers.size(), body.c_str());
}
inline Admission ask_first(const Request &request) {
    belay_request raw = request.raw();
    return belay_ask_first(&raw);
}

// Verdicts.
inline Verdict pass() { return belay_continue(); }
inline Verdict remember() { return belay_remember(); }
inline Verdict drop() { return belay_drop(); }
inline Verdict replace(const Incoming &message) { return belay_replace(message.payload); }
inline Verdict replace(std::string_view payload) { return belay_replace(bytes(payload)); }
inline Verdict reply(std::string_view text, Kind kind = BELAY_TEXT) { return belay_reply(kind, bytes(text)); }
inline Verdict heartbeat() { return belay_heartbeat(nullptr); }
inline Verdict heartbeat(const std::string &answer) { return belay_heartbeat(answer.c_str()); }
inline Verdict close(uint16_t code, const std::string &reason) { return belay_close(code, reason.c_str()); }
inline Verdict call_out(const Request &request) {
    belay_request raw = request.raw();
    return belay_call_out(&raw);
}

// Reactions.
inline Reaction nothing() { return belay_nothing(); }
inline Reaction send(std::string_view text, Kind kind = BELAY_TEXT) { return belay_send(kind, bytes(text)); }
inline Reaction end(uint16_t code, const std::string &reason) { return belay_end(code, reason.c_str()); }
inline Reaction ask(const Request &request) {
    belay_request raw = request.raw();
    return belay_ask(&raw);
}

// The host.
inline void log(belay_level level, const std::string &text) { belay_log(level, text.c_str()); }
inline uint64_t now_ms() { return belay_now_ms(); }
inline uint64_t unix_ms() { return belay_unix_ms(); }
inline uint64_t random() { return belay_random(); }
inline void count(const char *name, uint64_t by) { belay_count(name, by); }

inline std::optional<std::string> taken(bool given, uint8_t *at, size_t length) {
    if (!given) return std::nullopt;
    std::string text(reinterpret_cast<char *>(at), length);
    if (length > 0) std::free(at);
    return text;
}
inline std::optional<std::string> read_file(const char *name) {
    belay_bytes content = {};
    bool given = belay_read_file(name, &content);
    return taken(given, content.ptr, content.len);
}
inline uint64_t file_version(const char *name) { return belay_file_version(name); }

// The session of the event at hand.
inline std::optional<std::string> attribute(const char *name) {
    belay_string value = {};
    bool given = belay_attribute(name, &value);
    return taken(given, value.ptr, value.len);
}
inline void set_attribute(const char *name, std::string_view value) { belay_set_attribute(name, string(value)); }
inline void remove_attribute(const char *name) { belay_remove_attribute(name); }
inline void set_upstream_header(const char *name, std::string_view value) { belay_set_upstream_header(name, string(value)); }
inline void offer_subprotocols(const std::vector<belay_string> &names) { belay_offer_subprotocols(names.data(), names.size()); }
inline void default_subprotocol(const char *name) { belay_default_subprotocol(name); }
inline void set_timer(uint32_t timer, uint64_t after_ms) { belay_set_timer(timer, after_ms); }
inline void cancel_timer(uint32_t timer) { belay_cancel_timer(timer); }

// Shared by all workers of the process.
class Limiter {
public:
    // Only in configure.
    bool define(const char *name, belay_quota quota, Error &error) {
        return belay_define_limiter(name, quota, &limiter_, error.raw());
    }
    bool take(std::string_view key, uint32_t tokens, uint64_t *retry_after_ms = nullptr) const {
        return belay_take(limiter_, string(key), tokens, retry_after_ms);
    }

private:
    belay_limiter limiter_ = 0;
};

class Breaker {
public:
    // Only in configure.
    bool define(const char *name, belay_breaker_settings settings, Error &error) {
        return belay_define_breaker(name, settings, &breaker_, error.raw());
    }
    Breaker keyed(std::string_view key) const {
        Breaker other;
        other.breaker_ = belay_breaker_keyed(breaker_, string(key));
        return other;
    }
    bool admit(uint64_t *retry_after_ms = nullptr) const { return belay_breaker_admit(breaker_, retry_after_ms); }
    void success(uint64_t latency_us) const { belay_breaker_success(breaker_, latency_us); }
    void failure() const { belay_breaker_failure(breaker_); }
    uint8_t state() const { return belay_breaker_state(breaker_); }

private:
    belay_breaker breaker_ = 0;
};

namespace store {
inline std::optional<std::string> get(std::string_view key) {
    belay_bytes value = {};
    bool given = belay_store_get(string(key), &value);
    return taken(given, value.ptr, value.len);
}
inline bool set(std::string_view key, std::string_view value, uint64_t ttl_ms) {
    return belay_store_set(string(key), bytes(value), ttl_ms);
}
inline void remove(std::string_view key) { belay_store_remove(string(key)); }
inline int64_t add(std::string_view key, int64_t by, uint64_t ttl_ms) { return belay_store_add(string(key), by, ttl_ms); }
} // namespace store

// What a filter does. Session is what it keeps of each session: made by its default constructor when the session is first heard
// of, gone when it is over. All but subscription (and a static configure) have a default that lets things pass.
template <class Session> class Filter {
public:
    using session_type = Session;
    virtual ~Filter() = default;

    virtual Subscription subscription() const = 0;
    virtual Admission on_handshake(Session &, const Handshake &) { return accept(); }
    virtual Admission on_handshake_answer(Session &, const Handshake &, const Answer &answer) {
        return answer.failed() ? refuse(503, "") : accept();
    }
    virtual void on_reopen(Session &, const Handshake &) {}
    virtual Verdict on_message(Session &, Incoming &) { return pass(); }
    virtual Verdict on_message_answer(Session &, Incoming &, const Answer &answer) {
        return answer.failed() ? close(1011, "") : pass();
    }
    virtual Reaction on_upstream(Session &, const UpstreamEvent &) { return nothing(); }
    virtual Reaction on_heartbeat(Session &, Direction) { return nothing(); }
    virtual Reaction on_timer(Session &, uint32_t) { return nothing(); }
    virtual Reaction on_answer(Session &, const Answer &) { return nothing(); }
    virtual void on_close(Session &, const CloseReason &) {}
    // What is kept of a session over a reload, at most 16 KiB; nothing if empty.
    virtual std::string snapshot(const Session &) { return {}; }
    virtual bool restore(Session &, const Handshake &, std::string_view, Error &error) {
        return error.say("this filter keeps no state over a reload");
    }
};

// From C's callbacks to a filter's methods.
template <class F> struct Exported {
    using Session = typename F::session_type;
    static inline F *filter = nullptr;

    // The C SDK keeps a pointer for each session.
    static Session &of(void *slot) {
        Session *&session = *static_cast<Session **>(slot);
        if (session == nullptr) session = new Session();
        return *session;
    }
    static void end(void *slot) {
        delete *static_cast<Session **>(slot);
        *static_cast<Session **>(slot) = nullptr;
    }
    static bool configure(belay_string config, belay_subscription *wanted, belay_error *raw) {
        Error error(raw);
        filter = F::configure(view(config), error);
        if (filter == nullptr) return false;
        Subscription s = filter->subscription();
        wanted->to_backend = s.to_backend;
        wanted->to_client = s.to_client;
        if (s.handshake) wanted->events |= BELAY_FILTER_TYPES_EVENTS_HANDSHAKE;
        if (s.upstream) wanted->events |= BELAY_FILTER_TYPES_EVENTS_UPSTREAM;
        if (s.heartbeat) wanted->events |= BELAY_FILTER_TYPES_EVENTS_HEARTBEAT;
        return true;
    }
    static bool restore(void *s, const belay_handshake *h, belay_bytes state, belay_error *raw) {
        Error error(raw);
        bool restored = filter->restore(of(s), Handshake(h), view(state), error);
        if (!restored) end(s);
        return restored;
    }
    static size_t snapshot(const void *s, uint8_t *state, size_t size) {
        const Session *session = *static_cast<Session *const *>(s);
        std::string kept = session == nullptr ? std::string() : filter->snapshot(*session);
        if (kept.size() > size) return 0;
        kept.copy(reinterpret_cast<char *>(state), size);
        return kept.size();
    }
    static constexpr belay_filter callbacks() {
        return {
            sizeof(Session *),
            configure,
            [](void *s, const belay_handshake *h) { return filter->on_handshake(of(s), Handshake(h)); },
            [](void *s, const belay_handshake *h, const belay_answer *a) {
                return filter->on_handshake_answer(of(s), Handshake(h), Answer(a));
            },
            [](void *s, const belay_handshake *h) { filter->on_reopen(of(s), Handshake(h)); },
            [](void *s, belay_incoming *m) {
                Incoming message{*m};
                return filter->on_message(of(s), message);
            },
            [](void *s, belay_incoming *m, const belay_answer *a) {
                Incoming message{*m};
                return filter->on_message_answer(of(s), message, Answer(a));
            },
            [](void *s, const belay_upstream_event *e) { return filter->on_upstream(of(s), *e); },
            [](void *s, belay_direction d) { return filter->on_heartbeat(of(s), d); },
            [](void *s, uint32_t timer) { return filter->on_timer(of(s), timer); },
            [](void *s, const belay_answer *a) { return filter->on_answer(of(s), Answer(a)); },
            [](void *s, const belay_close_reason *reason) {
                filter->on_close(of(s), *reason);
                end(s);
            },
            snapshot,
            restore,
        };
    }
};

} // namespace belay

// Makes the component of a class that is a belay::Filter, with a static `configure`. Once a program.
#define BELAY_EXPORT(Class) extern "C" const belay_filter belay_the_filter = belay::Exported<Class>::callbacks();

#endif
