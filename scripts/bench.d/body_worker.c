// The benchmark's addon for bodies: sees requests, and changes the first byte of each response's whole body.
#include <weir.h>

static json_object *see(struct weir_event *event, void *context) {
    (void)event, (void)context;
    return NULL;
}

static json_object *change(struct weir_event *event, void *context) {
    (void)context;
    struct weir_bytes body;
    if (!weir_bytes(event, weir_at(event->flow, "response.content"), &body)) return weir_fail(event, "there is no body");
    if (body.size) body.data[0] = 'b';
    return weir_patch("flow.response.content", weir_content(event, body.data, body.size));
}

int main(void) {
    weir_addon *addon = weir_new("body", "1");
    weir_on(addon, "requestheaders", see, NULL, .fields = "flow.request.method flow.request.path flow.request.headers");
    weir_on(addon, "response", change, NULL, .content = "whole", .fields = "flow.response.headers flow.response.content");
    return weir_run(addon);
}
