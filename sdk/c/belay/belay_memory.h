// What both halves of the SDK do with memory.
//
// Without memory there is nothing to be done: the trap costs the event, and the instance is replaced.
#ifndef BELAY_MEMORY_H
#define BELAY_MEMORY_H

#include <stdlib.h>
#include <string.h>

#include "belay.h"

// The payload of the message at hand. It goes back to the host if it is what the message is replaced by.
extern uint8_t *belay_payload_at_hand;

static inline void *must(void *memory) {
    if (memory == NULL) abort();
    return memory;
}

static inline uint8_t *copied(const void *from, size_t length) {
    // The host's bindings free what is longer than 0.
    return length == 0 ? NULL : memcpy(must(malloc(length)), from, length);
}

static inline belay_string copied_text(const char *text) {
    size_t length = text == NULL ? 0 : strlen(text);
    belay_string copy = {copied(text, length), length};
    return copy;
}

static inline void release(void *memory, size_t length) {
    if (length > 0) free(memory);
}

#endif
