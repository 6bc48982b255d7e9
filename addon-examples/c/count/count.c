// Counts flows: adds `x-addon-c: N` to the N-th response.
// Run: addon-examples/c/build && weir --addon addon-examples/c/count/count
#define _GNU_SOURCE
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    int fd = atoi(getenv("WEIR_ADDON_FD") ?: "3");
    FILE *link = fdopen(fd, "r");
    if (!link) return 1;
    struct json_tokener *tokener = json_tokener_new_ex(65);  // depth 64, and json-c counts the innermost value too
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    for (unsigned long count = 0; (size = getline(&line, &room, link)) > 0;) {
        json_tokener_reset(tokener);
        struct json_object *message = json_tokener_parse_ex(tokener, line, (int)size), *id, *method, *headers;
        if (json_object_object_get_ex(message, "id", &id) && json_object_object_get_ex(message, "method", &method)) {
            const char *name = json_object_get_string(method);
            dprintf(fd, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":", json_object_get_string(id));
            if (!strcmp(name, "initialize")) {
                dprintf(fd, "{\"protocol\":1,\"name\":\"count-c\",\"version\":\"1\",\"hooks\":[\"response\"]}}\n");
            } else if (!strcmp(name, "response") && !json_pointer_get(message, "/params/flow/response/headers", &headers)) {
                char number[24];
                snprintf(number, sizeof number, "%lu", ++count);
                struct json_object *pair = json_object_new_array();
                json_object_array_add(pair, json_object_new_string("x-addon-c"));
                json_object_array_add(pair, json_object_new_string(number));
                json_object_array_add(headers, pair);
                dprintf(fd, "{\"flow\":{\"response\":{\"headers\":%s}}}}\n", json_object_to_json_string(headers));
            } else {
                dprintf(fd, "{}}\n");  // ping, shutdown
            }
        }
        json_object_put(message);
    }
}
