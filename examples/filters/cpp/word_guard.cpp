// Word-guard masks words in what clients say, minds those who say too many of them, and closes on who will not listen.
#include <algorithm>
#include <string>
#include <vector>

#include "belay.hpp"

namespace {

// What each session's strikes are remembered for after the last one, by name.
constexpr uint64_t remembered_for_ms = 3600 * 1000;

// What is kept of each client.
struct Session {
    std::string user, peer;
    uint32_t strikes = 0;
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

struct Config {
    // In lower case, the longest first.
    std::vector<std::string> words;
    uint32_t notice_after = 3, close_after = 10, per_minute = 600;

    bool read(std::string_view text, belay::Error &error) {
        belay_json json = belay_json_of(belay::string(text));
        char field[32];
        while (belay_json_field(&json, field, sizeof field)) {
            std::string_view name = field;
            uint32_t *number = name == "notice_after" ? &notice_after
                : name == "close_after"               ? &close_after
                : name == "per_minute"                ? &per_minute
                                                      : nullptr;
            if (name == "words") {
                if (!read_words(json)) return error.field("words", "a list of ASCII words, none of them empty, is wanted");
            } else if (number == nullptr) {
                return error.field(field, "unknown field");
            } else if (!belay_json_u32(&json, number) || *number == 0) {
                return error.field(field, "a whole number from 1 is wanted");
            }
        }
        if (belay_json_failed(&json)) return error.say("an object is wanted");
        if (words.empty()) return error.field("words", "a list of at least one word is wanted");
        return true;
    }

private:
    bool read_words(belay_json &json) {
        while (belay_json_item(&json)) {
            char *text = belay_json_text(&json);
            if (text == nullptr) return false;
            std::string word = text;
            free(text);
            auto plain = [](char c) { return (c & 0x80) == 0; };
            if (word.empty() || !std::all_of(word.begin(), word.end(), plain)) return false;
            std::transform(word.begin(), word.end(), word.begin(), lower);
            words.push_back(word);
        }
        auto longer = [](const std::string &a, const std::string &b) { return a.size() > b.size(); };
        std::sort(words.begin(), words.end(), longer);
        return !json.failed;
    }
};

class Guard : public belay::Filter<Session> {
public:
    static Guard *configure(std::string_view text, belay::Error &error) {
        Config config;
        if (!config.read(text, error)) return nullptr;
        belay::Limiter messages;
        belay_quota quota = {config.per_minute, 60000, config.per_minute};
        if (!messages.define("messages", quota, error)) return nullptr;
        return new Guard(std::move(config), messages);
    }

    belay::Subscription subscription() const override {
        belay::Subscription wanted;
        wanted.to_backend = belay::whole();
        wanted.handshake = true;
        return wanted;
    }

    belay::Admission on_handshake(Session &session, const belay::Handshake &handshake) override {
        on_reopen(session, handshake);
        if (session.user.empty()) {
            return belay::refuse(
                400, "word-guard: say who you are: ?name=…\n", {belay::header("content-type", "text/plain")});
        }
        belay::set_attribute("user", session.user);
        belay::set_upstream_header("x-user", session.user);
        return belay::accept();
    }

    void on_reopen(Session &session, const belay::Handshake &handshake) override {
        session.user = handshake.query("name");
        if (session.user.empty()) session.user = handshake.header("x-name");
        session.peer = handshake.peer_address();
    }

    belay::Verdict on_message(Session &session, belay::Incoming &message) override {
        if (message.kind != BELAY_TEXT) return belay::pass();
        if (!messages_.take(session.peer, 1)) return belay::reply("word-guard: too many messages");
        uint64_t found = mask(message.payload);
        if (found == 0) return belay::pass();
        session.strikes++;
        belay::count("masked", found);
        int64_t total = belay::store::add("strikes:" + session.user, 1, remembered_for_ms);
        if (session.strikes == config_.close_after) {
            belay::log(BELAY_INFO, "word-guard: closing " + session.user);
            return belay::close(1008, "word-guard: too many words");
        }
        if (session.strikes == config_.notice_after) {
            return belay::reply("word-guard: mind your words, " + session.user + " (" + std::to_string(total) + " so far)");
        }
        return belay::replace(message);
    }

    std::string snapshot(const Session &session) override {
        std::string state;
        for (int shift = 0; session.strikes > 0 && shift < 32; shift += 8) state += static_cast<char>(session.strikes >> shift);
        return state;
    }

    bool restore(Session &session, const belay::Handshake &handshake, std::string_view state, belay::Error &error) override {
        if (state.size() != 4) return error.say("word-guard: 4 bytes of state, not " + std::to_string(state.size()));
        on_reopen(session, handshake);
        for (int i = 0; i < 4; i++) session.strikes |= static_cast<uint32_t>(static_cast<uint8_t>(state[i])) << 8 * i;
        return true;
    }

private:
    Guard(Config config, belay::Limiter messages) : config_(std::move(config)), messages_(messages) {}

    // The length of the longest word that stands here; 0: none.
    size_t word_at(std::string_view text) const {
        for (const std::string &word : config_.words) {
            auto same = [](char w, char t) { return w == lower(t); };
            if (word.size() <= text.size() && std::equal(word.begin(), word.end(), text.begin(), same)) return word.size();
        }
        return 0;
    }

    uint64_t mask(belay_bytes text) const {
        uint64_t found = 0;
        for (size_t at = 0; at < text.len;) {
            size_t length = word_at(belay::view(text).substr(at));
            std::fill_n(text.ptr + at, length, '*');
            found += length > 0;
            at += length > 0 ? length : 1;
        }
        return found;
    }

    Config config_;
    belay::Limiter messages_;
};

} // namespace

BELAY_EXPORT(Guard)
