// Adds `x-addon: 1` to each request and each response.
// Run: addon-examples/java/build && weir --addon addon-examples/java/header/header.jar
import java.util.List;
import weir.Addon;
import weir.Json;
import weir.Values;

final class Header {
    public static void main(String[] arguments) {
        Addon addon = new Addon("header", "1");
        for (String part : List.of("request", "response")) {
            String path = "flow." + part + ".headers";
            addon.on(part, Json.of("fields", List.of(path)), event -> {
                List<Object> headers = event.list(part, "headers");
                Values.addHeader(headers, "x-addon", "1");
                return Json.patch(path, headers);
            });
        }
        addon.run();
    }
}
