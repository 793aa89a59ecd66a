// my-filter: answers messages that are too long, and lets all others pass.
#include <string.h>

#include "belay.h"
#include "belay_json.h"

// In bytes.
static uint32_t longest;

static bool configure(belay_string config, belay_subscription *wanted, belay_error *error) {
    belay_json json = belay_json_of(config);
    char field[32];
    while (belay_json_field(&json, field, sizeof field)) {
        if (strcmp(field, "longest") != 0) return belay_fail(error, field, "unknown field");
        if (!belay_json_u32(&json, &longest)) break;
    }
    if (belay_json_failed(&json) || longest == 0) return belay_fail(error, "longest", "a whole number from 1 is wanted");
    // The size is enough: the messages themselves are not even copied.
    wanted->to_backend = belay_size();
    return true;
}

static belay_verdict on_message(void *session, belay_incoming *message) {
    (void)session;
    if (message->size <= longest) return belay_continue();
    belay_count("too_long", 1);
    return belay_reply_text("that was too long");
}

const belay_filter belay_the_filter = {.configure = configure, .on_message = on_message};
