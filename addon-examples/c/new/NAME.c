// Adds the header `x-NAME: 1` to responses.
#include <weir.h>

static json_object *on_response(struct weir_event *event, void *context) {
    (void)context;
    json_object *headers = weir_at(event->params, "flow.response.headers");
    weir_header_set(headers, "x-NAME", "1");
    return weir_patch("flow.response.headers", json_object_get(headers));
}

int main(void) {
    weir_addon *addon = weir_new("NAME", "1");
    // `fields`: what is not named here is not sent, which is most of an event's work. Without it `event->flow` has everything.
    weir_on(addon, "response", on_response, NULL, .fields = "flow.response.headers");
    return weir_run(addon);
}
