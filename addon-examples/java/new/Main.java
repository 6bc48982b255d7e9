// Adds the header `x-NAME: 1` to responses.
import java.util.List;
import weir.Addon;
import weir.Json;
import weir.Values;

final class Main {
    public static void main(String[] arguments) {
        Addon addon = new Addon("NAME", "1");
        // `fields`: what is not named here is not sent, which is most of an event's work. Without it `event.flow` has everything.
        addon.on("response", Json.of("fields", List.of("flow.response.headers")), event -> {
            List<Object> headers = event.list("response", "headers");
            Values.setHeader(headers, "x-NAME", "1");
            return Json.patch("flow.response.headers", headers);
        });
        addon.run();
    }
}
