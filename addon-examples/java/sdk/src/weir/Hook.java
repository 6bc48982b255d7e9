package weir;

import java.util.List;
import java.util.Map;

/** What the specification's section 5 says of a hook: {@code new Hook().filter("~d example.com").content("whole")}. */
public final class Hook {
    final Map<String, Object> members = Json.of();

    private Hook with(String name, Object value) {
        members.put(name, value);
        return this;
    }

    public Hook filter(String expression) { return with("filter", expression); }
    /** {@code none}, {@code whole}, {@code decoded} or {@code stream}. */
    public Hook content(String mode) { return with("content", mode); }
    public Hook preview(int octets) { return with("content", Json.of("preview", octets)); }
    public Hook decode() { return with("decode", true); }
    public Hook fields(String... paths) { return with("fields", List.of(paths)); }
    public Hook observe() { return with("observe", true); }
    public Hook timeoutMs(int ms) { return with("timeout_ms", ms); }
    /** {@code continue}, {@code kill} or {@code retry}. */
    public Hook onFailure(String policy) { return with("on_failure", policy); }
    public Hook idempotent() { return with("idempotent", true); }
    public Hook order(int order) { return with("order", order); }
}
