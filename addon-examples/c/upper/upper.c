// Upper-cases the ASCII letters of responses while they pass, content codings taken off and put on again.
// Run: addon-examples/c/build && weir --addon addon-examples/c/upper/upper
#include <weir.h>

static void upper(struct weir_stream *stream, const uint8_t *data, size_t size) {
    char part[4096];
    while (size) {
        size_t count = size < sizeof part ? size : sizeof part;
        for (size_t index = 0; index < count; index++) part[index] = (char)(data[index] - (data[index] >= 'a' && data[index] <= 'z' ? 32 : 0));
        weir_write(stream, part, count);
        data += count;
        size -= count;
    }
}

int main(void) {
    static const struct weir_body body = {.piece = upper};
    weir_addon *addon = weir_new("upper", "1");
    weir_on(addon, "response", NULL, NULL, .content = "stream", .decode = true, .body = &body, .fields = "flow.response.content");
    return weir_run(addon);
}
