// Tour uses each answer, each event and each of the host's functions: sdk/conformance/tour.yaml is its judge.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "belay.hpp"

namespace {

// What a filter that asks everything keeps of a session: nothing.
struct Session {};

const char *failure(const belay::Answer &answer) {
    static const char *const names[] = {"forbidden", "busy", "timeout", "unreachable", "too-large"};
    return names[answer.error()];
}

belay::Verdict reply_or(const std::optional<std::string> &text, const char *otherwise) {
    return belay::reply(text ? *text : std::string(otherwise));
}

belay::Verdict granted(bool ok, uint64_t retry_after_ms) {
    return belay::reply(ok ? std::string("yes") : "in " + std::to_string(retry_after_ms));
}

const char *state_of(const belay::Breaker &breaker) {
    static const char *const states[] = {"closed", "open", "half-open"};
    return states[breaker.state()];
}

class Tour : public belay::Filter<Session> {
public:
    static Tour *configure(std::string_view, belay::Error &error) {
        Tour *tour = new Tour;
        belay_breaker_settings settings = {};
        settings.window_ms = 60000;
        settings.results_min = 2;
        settings.failure_percent = 50;
        settings.open_ms = 10000;
        settings.probes = 1;
        belay_quota quota = {2, 1000, 2};
        bool defined = tour->breaker_.define("backend", settings, error) && tour->limiter_.define("takes", quota, error);
        return defined ? tour : nullptr;
    }

    belay::Subscription subscription() const override {
        return {belay::whole(), belay::prefix(8), true, true, true};
    }

    belay::Admission on_handshake(Session &, const belay::Handshake &handshake) override {
        if (handshake.path() == "/refuse") return belay::refuse(403, "not here", {belay::header("x-tour", "no")});
        if (handshake.path() == "/ask") {
            std::string url = "http://auth.test/check?" + std::string(handshake.query());
            belay::Request request;
            request.url = url;
            request.timeout_ms = 1500;
            std::string_view token = handshake.header("authorization");
            if (!token.empty()) request.headers.push_back(belay::header("authorization", token));
            return belay::ask_first(request);
        }
        if (handshake.path() == "/protocols") offer_protocols(handshake);
        return belay::accept();
    }

    belay::Admission on_handshake_answer(Session &, const belay::Handshake &, const belay::Answer &answer) override {
        if (answer.failed()) return belay::refuse(503, failure(answer));
        if (answer.status() == 307) {
            belay::Request again;
            again.url = "http://auth.test/again";
            return belay::ask_first(again);
        }
        if (answer.status() != 200) return belay::refuse(answer.status(), "");
        const auto &headers = answer.raw().val.ok.headers;
        if (headers.len > 0) {
            std::string who = std::string(belay::view(headers.ptr[0].value)) + " " + std::string(answer.body());
            belay::set_attribute("who", who);
            belay::set_upstream_header("x-who", who);
        }
        return belay::accept();
    }

    belay::Verdict on_message(Session &, belay::Incoming &message) override {
        if (message.direction == BELAY_TO_CLIENT) return from_backend(message);
        if (message.kind == BELAY_BINARY) {
            std::reverse(message.payload.ptr, message.payload.ptr + message.payload.len);
            return belay::replace(message);
        }
        return obey(message.text());
    }

    belay::Verdict on_message_answer(Session &, belay::Incoming &, const belay::Answer &answer) override {
        if (answer.failed()) return belay::reply(failure(answer));
        return answer.status() == 200 ? belay::replace(answer.body()) : belay::drop();
    }

    belay::Reaction on_upstream(Session &, const belay::UpstreamEvent &event) override {
        switch (event.tag) {
        case BELAY_FILTER_TYPES_UPSTREAM_EVENT_CONNECTED: breaker_.success(event.val.connected); break;
        case BELAY_FILTER_TYPES_UPSTREAM_EVENT_FAILED: breaker_.failure(); break;
        case BELAY_FILTER_TYPES_UPSTREAM_EVENT_LOST: return belay::send("lost");
        default: {
            std::string url = "http://metrics.test/latency/" + std::to_string(event.val.latency);
            belay::Request request;
            request.url = url;
            return belay::ask(request);
        }
        }
        return belay::nothing();
    }

    belay::Reaction on_heartbeat(Session &, belay::Direction direction) override {
        return direction == BELAY_TO_BACKEND ? belay::send("\a", BELAY_BINARY) : belay::nothing();
    }

    belay::Reaction on_timer(Session &, uint32_t timer) override {
        std::string text = "timer " + std::to_string(timer);
        return timer == 3 ? belay::end(4002, text) : belay::send(text);
    }

    belay::Reaction on_answer(Session &, const belay::Answer &answer) override {
        if (answer.failed()) return belay::end(4001, failure(answer));
        return belay::send("answered " + std::to_string(answer.status()));
    }

private:
    static void offer_protocols(const belay::Handshake &handshake) {
        const auto &asked = handshake.raw().subprotocols;
        std::vector<std::string> names;
        for (size_t i = asked.len; i > 0; i--) names.push_back("tour." + std::string(belay::view(asked.ptr[i - 1])));
        std::vector<belay_string> offered;
        for (const std::string &name : names) offered.push_back(belay::string(name));
        belay::offer_subprotocols(offered);
        belay::default_subprotocol("tour");
    }

    static belay::Verdict from_backend(const belay::Incoming &message) {
        std::string_view seen = belay::view(message.payload);
        if (seen == "secret") return belay::drop();
        if (message.size <= 8) return belay::pass();
        return belay::reply(std::string(seen) + " of " + std::to_string(message.size));
    }

    // Does what it is told.
    belay::Verdict obey(std::string_view text) {
        if (text == "remember") return belay::remember();
        if (text == "drop") return belay::drop();
        if (text == "beat") return belay::heartbeat();
        if (text == "ping") return belay::heartbeat("pong");
        if (text == "bye") return belay::close(4000, "bye");
        if (text == "trap") std::abort();
        if (text == "binary") return belay::reply(std::string_view("\0\1\xff", 3), BELAY_BINARY);
        if (text == "empty") return belay::replace(std::string_view());
        if (text == "ask") {
            belay::Request request;
            request.method = "POST";
            request.url = "http://judge.test/";
            request.headers = {belay::header("content-type", "text/plain")};
            request.body = text;
            request.timeout_ms = 250;
            return belay::call_out(request);
        }
        if (text == "timers") {
            belay::set_timer(1, 5000);
            belay::set_timer(2, 10000);
            belay::set_timer(3, 1000);
            belay::set_timer(3, 20000);
        } else if (text == "cancel") {
            belay::cancel_timer(2);
        } else if (text.substr(0, 3) == "be ") {
            belay::set_attribute("who", text.substr(3));
        } else if (text == "forget") {
            belay::remove_attribute("who");
        } else if (text.substr(0, 5) == "save ") {
            return belay::store::set("saved", text.substr(5), 60000) ? belay::drop() : belay::reply("full");
        } else if (text == "lose") {
            belay::store::remove("saved");
            return belay::drop();
        } else {
            return ask_host(text);
        }
        return belay::pass();
    }

    // Answers with what the host says.
    belay::Verdict ask_host(std::string_view text) {
        uint64_t wait = 0;
        if (text == "who") return reply_or(belay::attribute("who"), "nobody");
        if (text == "load") return reply_or(belay::store::get("saved"), "nothing");
        if (text == "breaker") return belay::reply(state_of(breaker_));
        if (text == "other breaker") return belay::reply(state_of(breaker_.keyed("other")));
        if (text == "admit") {
            bool ok = breaker_.admit(&wait);
            return granted(ok, wait);
        }
        if (text == "take") {
            bool ok = limiter_.take("key", 1, &wait);
            return granted(ok, wait);
        }
        if (text == "file") {
            file_version_ = belay::file_version("greeting");
            return reply_or(belay::read_file("greeting"), "no file");
        }
        if (text == "same file") return belay::reply(belay::file_version("greeting") == file_version_ ? "yes" : "no");
        if (text == "clock") return belay::reply(std::to_string(belay::unix_ms()));
        if (text == "since") {
            uint64_t passed = since_ms_ == 0 ? 0 : belay::now_ms() - since_ms_;
            since_ms_ = belay::now_ms();
            return belay::reply(std::to_string(passed));
        }
        if (text == "dice") return belay::reply(std::to_string(belay::random()));
        if (text != "log") return belay::pass();
        belay::log(BELAY_DEBUG, "one");
        belay::log(BELAY_INFO, "two");
        belay::log(BELAY_WARN, "three ç…");
        belay::log(BELAY_ERROR, "four");
        belay::count("logged", 4);
        return belay::drop();
    }

    belay::Breaker breaker_;
    belay::Limiter limiter_;
    uint64_t file_version_ = 0, since_ms_ = 0;
};

} // namespace

BELAY_EXPORT(Tour)
