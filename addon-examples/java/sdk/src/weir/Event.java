package weir;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;

/** One event, or one call of a command. */
public final class Event {
    public final Addon addon;
    /** The hook; {@code command} for a command. */
    public final String name;
    public final Map<String, Object> params;
    /** {@code params.flow}; null where there is none. */
    public final Map<String, Object> flow;
    /** 2 when a worker died over the same event, else 1. */
    public final long attempt;
    final Object id;
    FutureTask<?> work;

    Event(Addon addon, String name, Object id, Map<String, Object> params) {
        this.addon = addon;
        this.name = name;
        this.id = id;
        this.params = params;
        flow = Json.map(params, "flow");
        attempt = params.get("attempt") instanceof Long number ? number : 1;
    }

    /** The core has withdrawn the event: no answer is wanted or sent, and the thread that handles it is interrupted. */
    public boolean isCancelled() { return work.isCancelled(); }

    /** A member of the flow, null if there is none. */
    public Object at(String... path) { return Json.at(flow, path); }

    /** A list of the flow, such as headers, which may be changed; null if there is none. */
    public List<Object> list(String... path) { return Json.list(flow, path); }

    /** So many milliseconds more, from now. */
    public void extend(int ms) {
        if (id != null) addon.notice("event.extend", Json.of("id", id, "ms", ms));
    }

    /**
     * The octets of a body that this event shows: of its line, or by reference, for which the addon needs the
     * permission {@code body.read}.
     */
    public byte[] bytes(Object content) throws CallException, IOException, InterruptedException {
        if (!(Json.at(content, "ref") instanceof Long ref)) return Values.bytes(content);
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        while (whole.size() < (Long) Json.at(content, "size")) {
            Object part = addon.call("body.read", Json.of("ref", ref, "offset", whole.size()));
            byte[] piece = Values.bytes(Json.at(part, "data"));
            if (piece.length == 0) throw new IOException("a body ended after " + whole.size() + " octets, too early");
            whole.write(piece);
        }
        return whole.toByteArray();
    }

    /** The number of the stream that opens behind that answer; null if none does. */
    Long opened(Object result) {
        String part = name.startsWith("request") ? "request" : "response";
        Map<String, Object> own = Json.map(result, "flow", part), shown = Json.map(own, "content");
        // An object that is no octets stands for the body as it is, which is no change.
        boolean isReplaced = own != null && own.containsKey("content") && (shown == null || shown.containsKey("b64"));
        boolean isWanted = at(part, "content", "preview") == null || "stream".equals(Json.at(result, "more"));
        // A request that is answered here goes nowhere.
        boolean isAnswered = part.equals("request") && Json.at(result, "flow", "response") != null;
        boolean isOpened = isWanted && !isReplaced && !isAnswered && !Boolean.TRUE.equals(Json.at(result, "kill"));
        return isOpened && at(part, "content", "stream") instanceof Long number ? number : null;
    }
}
