#include "belay_test.h"

static void what_is_too_long_is_answered(void) {
    belay_test_start("{ \"longest\": 5 }");
    uint32_t client = belay_test_connect("/chat", NULL);
    belay_test_expect(belay_test_says(client, "hello"), "continue");
    belay_test_expect(belay_test_says(client, "hello!"), "reply that was too long");
}

int main(void) {
    what_is_too_long_is_answered();
    return belay_test_failures();
}
