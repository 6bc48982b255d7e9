package weir;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** One event, or one call of a command. */
public final class Event {
    public final Addon addon;
    /** The hook, or the command. */
    public final String name;
    public final Map<String, Object> params;
    /** {@code params.flow}; null where there is none. */
    public final Map<String, Object> flow;
    /** 2 when a worker died over the same event, else 1. */
    public final long attempt;
    final Long id;
    private volatile boolean isCancelled;
    private Thread runner;

    @SuppressWarnings("unchecked")
    Event(Addon addon, String name, Long id, Map<String, Object> params) {
        this.addon = addon;
        this.name = name;
        this.id = id;
        this.params = params;
        flow = (Map<String, Object>) params.get("flow");
        attempt = params.get("attempt") instanceof Long number ? number : 1;
    }

    /** The core has withdrawn the event: no answer is wanted or sent, and the thread that handles it is interrupted. */
    public boolean isCancelled() { return isCancelled; }

    /** A member of the flow, null if there is none. */
    public Object at(String... path) { return Json.at(flow, path); }

    /** A list of the flow, such as headers, which may be changed; null if there is none. */
    @SuppressWarnings("unchecked")
    public List<Object> list(String... path) { return at(path) instanceof List<?> list ? (List<Object>) list : null; }

    /** So many milliseconds more, from now. */
    public void extend(int ms) {
        if (id != null) addon.notice("event.extend", Json.of("id", id, "ms", ms));
    }

    /** The octets of a body that this event shows: of its line, or by reference, for which the addon needs the permission {@code body.read}. */
    public byte[] bytes(Object content) throws CallException, IOException, InterruptedException {
        byte[] inLine = Values.bytes(content);
        if (inLine != null) return inLine;
        if (!(Json.at(content, "ref") instanceof Long ref) || !(Json.at(content, "size") instanceof Long size)) throw new IOException("no body: " + Json.write(content));
        ByteArrayOutputStream whole = new ByteArrayOutputStream(size.intValue());
        while (whole.size() < size) {
            byte[] piece = Values.bytes(Json.at(addon.call("body.read", Json.of("ref", ref, "offset", whole.size())), "data"));
            if (piece == null || piece.length == 0) throw new IOException("a body of " + size + " octets ended after " + whole.size());
            whole.write(piece);
        }
        return whole.toByteArray();
    }

    /** The message whose body comes in parts; null if none does. */
    String offered() {
        for (String part : List.of("request", "response")) if (at(part, "content", "stream") != null) return part;
        return null;
    }

    /** Whether the stream opens behind that answer. */
    boolean opens(Object result, String part) {
        boolean isReplaced = Json.at(result, "flow", part) instanceof Map<?, ?> message && message.containsKey("content")
            // What stands for the body is no change.
            && Json.at(message, "content", "stream") == null && !(Json.at(message, "content") instanceof Map<?, ?> content && content.containsKey("omitted"));
        boolean isWanted = at(part, "content", "preview") == null || "stream".equals(Json.at(result, "more"));
        // A request that is answered here goes nowhere.
        boolean isAnswered = part.equals("request") && at("response") == null && Json.at(result, "flow", "response") != null;
        return isWanted && !isReplaced && !isAnswered && !Boolean.TRUE.equals(Json.at(result, "kill"));
    }

    synchronized boolean begin() {
        runner = isCancelled ? null : Thread.currentThread();
        return !isCancelled;
    }

    synchronized void end() {
        runner = null;
        Thread.interrupted(); // The thread has other events to come.
    }

    synchronized void cancel(boolean interrupts) {
        isCancelled = true;
        if (runner != null && interrupts) runner.interrupt();
    }
}
