// Reads a config: JSON from front to back, without a tree.
//
//     belay_json json = belay_json_of(config);
//     char name[32];
//     while (belay_json_field(&json, name, sizeof name)) {
//         if (strcmp(name, "words") == 0) {
//             while (belay_json_item(&json)) { char *word = belay_json_text(&json); … free(word); }
//         } else if (strcmp(name, "limit") == 0) {
//             if (!belay_json_u32(&json, &limit)) return belay_fail(error, "limit", "a whole number is wanted");
//         } else return belay_fail(error, name, "unknown field");
//     }
//     if (belay_json_failed(&json)) return belay_fail(error, NULL, "this is not a config");
//
// What is asked for and is not there makes the reader fail: from then on it gives nothing. `null` is an object without fields.
#ifndef BELAY_JSON_H
#define BELAY_JSON_H

#include "belay.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const char *at, *end;
    bool failed;
} belay_json;

typedef enum {
    BELAY_JSON_NONE,
    BELAY_JSON_NULL,
    BELAY_JSON_BOOL,
    BELAY_JSON_NUMBER,
    BELAY_JSON_TEXT,
    BELAY_JSON_LIST,
    BELAY_JSON_OBJECT,
} belay_json_kind;

belay_json belay_json_of(belay_string text);
// What comes next.
belay_json_kind belay_json_next(belay_json *json);
// Goes to the next field of an object and writes its name (cut to `size`). False at its end, which is passed over.
bool belay_json_field(belay_json *json, char *name, size_t size);
// Goes to the next item of a list. False at its end, which is passed over.
bool belay_json_item(belay_json *json);
// A text, to be freed; NULL if it is none, or has a zero in it.
char *belay_json_text(belay_json *json);
// A whole number from 0 to 4294967295.
bool belay_json_u32(belay_json *json, uint32_t *number);
bool belay_json_number(belay_json *json, double *number);
bool belay_json_bool(belay_json *json, bool *value);
// Passes over whatever comes next. At most 64 deep.
bool belay_json_skip(belay_json *json);
// Whether something asked for was not there, or something is left over.
bool belay_json_failed(belay_json *json);

#ifdef __cplusplus
}
#endif
#endif
