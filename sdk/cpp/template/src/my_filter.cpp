// my-filter: answers messages that are too long, and lets all others pass.
#include "belay.hpp"

namespace {

// It keeps nothing of sessions.
struct Nothing {};

class MyFilter : public belay::Filter<Nothing> {
public:
    static MyFilter *configure(std::string_view config, belay::Error &error) {
        // In bytes.
        uint32_t longest = 0;
        belay_json json = belay_json_of(belay::string(config));
        char field[32];
        while (belay_json_field(&json, field, sizeof field)) {
            if (std::string_view(field) != "longest") {
                error.field(field, "unknown field");
                return nullptr;
            }
            if (!belay_json_u32(&json, &longest)) break;
        }
        if (belay_json_failed(&json) || longest == 0) {
            error.field("longest", "a whole number from 1 is wanted");
            return nullptr;
        }
        return new MyFilter(longest);
    }

    belay::Subscription subscription() const override {
        belay::Subscription wanted;
        // The size is enough: the messages themselves are not even copied.
        wanted.to_backend = belay::size();
        return wanted;
    }

    belay::Verdict on_message(Nothing &, belay::Incoming &message) override {
        if (message.size <= longest_) return belay::pass();
        belay::count("too_long", 1);
        return belay::reply("that was too long");
    }

private:
    explicit MyFilter(uint32_t longest) : longest_(longest) {}
    uint32_t longest_;
};

} // namespace

BELAY_EXPORT(MyFilter)
