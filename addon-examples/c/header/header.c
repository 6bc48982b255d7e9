// Adds `x-addon: 1` to each request and each response.
// Run: addon-examples/c/build && weir --addon addon-examples/c/header/header
#include <weir.h>

static json_object *add(struct weir_event *event, void *path) {
    json_object *headers = weir_at(event->params, path);
    weir_header_add(headers, "x-addon", "1");
    return weir_patch(path, json_object_get(headers));
}

int main(void) {
    weir_addon *addon = weir_new("header", "1");
    weir_on(addon, "request", add, "flow.request.headers", .fields = "flow.request.headers");
    weir_on(addon, "response", add, "flow.response.headers", .fields = "flow.response.headers");
    return weir_run(addon);
}
