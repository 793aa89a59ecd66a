// On the machine itself, with the SDK's fake host: `make test`.
#include <string.h>

#include "belay_test.h"

static void who_does_not_say_who_they_are_is_not_let_in(void) {
    belay_test_start("{ \"words\": [\"darn\"] }");
    belay_test_connect("/chat?surname=lee", NULL);
    belay_test_expect(belay_test_admission(), "refuse 400 word-guard: say who you are: ?name=…\n");
    uint32_t bob = belay_test_connect("/chat", "x-name: bob");
    belay_test_expect(belay_test_admission(), "accept");
    belay_test_expect(belay_test_attribute(bob, "user"), "bob");
    belay_test_expect(belay_test_upstream_header(bob, "x-user"), "bob");
}

static void strikes_lead_to_a_notice_and_an_end_and_survive_a_reload(void) {
    uint32_t ann = belay_test_connect("/chat?name=ann", NULL);
    belay_test_expect(belay_test_says(ann, "well"), "continue");
    belay_test_expect(belay_test_says(ann, "DARN it"), "replace **** it");
    belay_test_expect(belay_test_says(ann, "ça darn"), "replace ça ****");
    belay_test_reload(ann);
    belay_test_expect(belay_test_says(ann, "darn"), "reply word-guard: mind your words, ann (3 so far)");
    for (int said = 4; said < 10; said++) belay_test_says(ann, "darn");
    belay_test_expect(belay_test_says(ann, "darn"), "close 1008 word-guard: too many words");
    belay_test_expect(belay_test_logged(), "word-guard: closing ann");
    belay_test_close(ann, 1008);
}

int main(void) {
    who_does_not_say_who_they_are_is_not_let_in();
    strikes_lead_to_a_notice_and_an_end_and_survive_a_reload();
    belay_test_expect(belay_test_start("{ \"words\": [\"a\"], \"wordz\": 1 }"), "wordz: unknown field");
    return belay_test_failures();
}
