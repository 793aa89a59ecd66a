// A fake host, for unit tests on the machine itself: link it with your filter, belay.c, belay_calls.c and belay_json.c, in place of
// the generated bindings.
//
//     int main(void) {
//         belay_test_start("{ \"words\": [\"darn\"] }");
//         uint32_t ann = belay_test_connect("/chat?name=ann", NULL);
//         belay_test_expect(belay_test_says(ann, "darn it"), "replace **** it");
//         return belay_test_failures();
//     }
//
// Answers are told as text: `continue`, `remember`, `replace …`, `reply …`, `drop`, `heartbeat …`, `close 1008 …`, `call-out GET http://…`;
// `accept`, `refuse 400 …`; `none`, `send …`. A text lives until the next call. The clock stands still until belay_test_advance
// moves it. Breakers are always closed here, and files absent.
#ifndef BELAY_TEST_H
#define BELAY_TEST_H

#include "belay.h"

#ifdef __cplusplus
extern "C" {
#endif

// Begins in a new host. Gives the error of a config that is refused, or NULL.
const char *belay_test_start(const char *config);
// A client asks to be let in; `header` is `name: value`, or NULL. Gives its session; belay_test_admission the answer.
uint32_t belay_test_connect(const char *target, const char *header);
const char *belay_test_admission(void);
const char *belay_test_says(uint32_t session, const char *text);
const char *belay_test_message(uint32_t session, belay_direction direction, belay_kind kind, const void *payload, size_t length);
// The answers to what was asked: a status of 0 is a callout that failed with `error`.
const char *belay_test_handshake_answer(uint32_t session, uint16_t status, const char *body, uint8_t error);
const char *belay_test_message_answer(uint32_t session, const char *text, uint16_t status, const char *body, uint8_t error);
const char *belay_test_answer(uint32_t session, uint16_t status, const char *body, uint8_t error);
const char *belay_test_upstream(uint32_t session, belay_upstream_event event);
const char *belay_test_heartbeat(uint32_t session, belay_direction direction);
void belay_test_close(uint32_t session, uint16_t code);
// Lets time pass, then fires one timer that is due; NULL: there is none.
const char *belay_test_advance(uint64_t by_ms);
// What is kept of a session goes through snapshot and restore. Gives the error of a state that is refused, or NULL.
const char *belay_test_reload(uint32_t session);
// "" if there is none.
const char *belay_test_attribute(uint32_t session, const char *name);
const char *belay_test_upstream_header(uint32_t session, const char *name);
uint64_t belay_test_counter(const char *name);
// The last line of the log.
const char *belay_test_logged(void);

// Says on standard error what differs.
void belay_test_expect_at(const char *file, int line, const char *got, const char *wanted);
#define belay_test_expect(got, wanted) belay_test_expect_at(__FILE__, __LINE__, got, wanted)
// How often something differed: 0 is what main wants to give.
int belay_test_failures(void);

#ifdef __cplusplus
}
#endif
#endif
