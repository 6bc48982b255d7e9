// The probe of support/sdk.py, in Java.
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.Adler32;
import weir.Addon;
import weir.Body;
import weir.CallException;
import weir.Event;
import weir.Json;
import weir.StreamOver;
import weir.Values;

final class Probe {
    private static final Deque<CountDownLatch> held = new ArrayDeque<>();
    private static final AtomicInteger sleeping = new AtomicInteger();
    private static final Addon addon = new Addon("probe", "1");

    private static byte[] utf8(String text) { return text.getBytes(StandardCharsets.UTF_8); }
    private static Map<String, Object> say(String text) { return Values.respond(200, null, utf8(text)); }
    private static String path(Event event) { return String.valueOf(event.at("request", "path")); }
    private static void tell(String text) { System.err.println("probe: " + text); }

    private static Object hold(Event event) throws InterruptedException {
        CountDownLatch goes = new CountDownLatch(1);
        synchronized (held) { held.push(goes); }
        try {
            goes.await();
            return say("held " + path(event));
        } catch (InterruptedException cancelled) {
            synchronized (held) { held.remove(goes); }
            addon.log("warn", "cancelled " + path(event));
            throw cancelled;
        }
    }

    private static Object release() {
        synchronized (held) {
            int count = held.size();
            while (!held.isEmpty()) held.pop().countDown();
            return say("released " + count);
        }
    }

    private static Object sleep() throws InterruptedException {
        sleeping.incrementAndGet();
        try {
            Thread.sleep(700);
            return say("in time");
        } finally {
            sleeping.decrementAndGet();
        }
    }

    private static int heldNow() {
        synchronized (held) { return held.size() + sleeping.get(); }
    }

    private static byte[] reversed(byte[] data) {
        byte[] made = new byte[data.length];
        for (int index = 0; index < data.length; index++) made[index] = data[data.length - 1 - index];
        return made;
    }

    private static byte[] upper(byte[] data) {
        byte[] made = data.clone();
        for (int index = 0; index < made.length; index++) if (made[index] >= 'a' && made[index] <= 'z') made[index] -= 32;
        return made;
    }

    private static byte[] twice(byte[] data) {
        byte[] made = new byte[data.length * 2];
        for (int index = 0; index < made.length; index++) made[index] = data[index / 2];
        return made;
    }

    private static Object headers(Event event) {
        List<Object> list = event.list("request", "headers");
        Values.addHeader(list, "X-Seen", Values.header(list, "x-one"));
        Values.addHeader(list, "X-Count", String.valueOf(Values.headers(list, "X-MANY").size()));
        Values.setHeader(list, "X-SET", "new");
        Values.setHeader(list, "X-Fresh", "1");
        Values.removeHeader(list, "x-gone");
        return Json.patch("flow.request.headers", list);
    }

    private static Object calls(Event event) throws Exception {
        addon.call("flow.comment", Json.of("id", event.at("id"), "comment", "from inside"));
        Object state = addon.call("flow.get", Json.of("id", event.at("id")));
        try {
            return addon.call("flow.resume", Json.of("id", event.at("id")));
        } catch (CallException failure) {
            return say(Json.at(state, "flow", "comment") + " " + failure.kind + " " + failure.code);
        }
    }

    private static Object onRequest(Event event) throws Exception {
        String path = path(event);
        if (path.startsWith("/hold")) return hold(event);
        switch (path) {
            case "/held": return say("" + heldNow());
            case "/release": return release();
            case "/wait": return sleep();
            case "/fail": throw new IOException("broken on purpose");
            case "/respond": return Values.respond(418, List.of(List.of("X-Made", "yes")), utf8("teapot"));
            case "/kill": return Values.kill();
            case "/headers": return headers(event);
            case "/reverse": return Json.patch("flow.request.content", Values.value(reversed(event.bytes(event.at("request", "content")))));
            case "/size":
                byte[] data = event.bytes(event.at("request", "content"));
                Adler32 sum = new Adler32();
                sum.update(data);
                return say(data.length + " " + sum.getValue());
            case "/call": return calls(event);
            case "/whole":
                event.flow.put("metadata", Json.of("n", 9007199254740991L, "f", 0.1, "deep", Json.of("a", Arrays.asList(1, null, "\u2028\0"))));
                Values.addHeader(event.list("request", "headers"), "X-Whole", "1");
                return Json.of("flow", event.flow);
            case "/settings":
                List<?> words = (List<?>) addon.setting("probe_words");
                return say(addon.setting("probe_limit") + " " + words.get(0) + " " + words.size());
            case "/count":
                addon.count("probe_seen", 2, Json.of("path", path));
                addon.log("warn", "said by the probe");
                return null;
            default: return null;
        }
    }

    private static void pass(String kind, Body body) throws Exception {
        try {
            long size = 0;
            boolean isFirst = true;
            for (byte[] piece; (piece = body.read()) != null; isFirst = false) {
                size += piece.length;
                if (kind.equals("tail")) continue;
                if (kind.equals("early")) {
                    body.write(utf8("enough"));
                    return;
                }
                if (kind.equals("error")) {
                    body.write(utf8("some"));
                    throw new IOException("no more");
                }
                if (kind.equals("detach") && isFirst) body.detach();
                body.write(kind.equals("double") ? twice(piece) : upper(piece));
            }
            if (kind.equals("tail")) body.write(utf8(size + " octets"));
            if (body.isDetached()) addon.log("warn", "detached");
            if (kind.equals("trailers")) body.setTrailers(List.of(List.of("x-came", Values.header(body.trailers(), "x-sum"))));
        } catch (StreamOver over) {
            addon.log("warn", "closed " + kind + ": " + over.getMessage());
            throw over;
        }
    }

    private static Object onPreview(Event event) throws Exception {
        Object content = event.at("response", "content"), preview = Json.at(content, "preview");
        String path = path(event);
        if (path.equals("/whole")) {
            List<Object> list = event.list("response", "headers");
            Values.addHeader(list, "x-metadata", Json.write(event.at("metadata")));
            return Json.patch("flow.response.headers", list);
        }
        if (path.equals("/preview/whole") && preview != null) return Json.of("more", "whole");
        if (path.equals("/preview/stream")) return Json.of("more", "stream");
        if (path.equals("/preview/pass")) return null;
        return Json.patch("flow.response.content", "it is " + new String(event.bytes(preview != null ? preview : content), StandardCharsets.UTF_8));
    }

    private static Object tellOf(Event event, String more) {
        tell(event.name + more);
        return null;
    }

    public static void main(String[] arguments) {
        addon.on("running", event -> tellOf(event, ""));
        addon.on("done", event -> tellOf(event, ""));
        addon.on("client_disconnected", Json.of("observe", true), event -> tellOf(event, " seen"));
        addon.on("configure", event -> {
            if ((Long) Json.at(event.params, "options", "probe_limit") > 10) throw new IllegalArgumentException("at most 10");
            return null;
        });
        addon.on("request", Json.of("content", "whole", "idempotent", true, "on_failure", "continue", "order", 1), Probe::onRequest);
        addon.on("requestheaders", Json.of("filter", "~u /late", "timeout_ms", 400), event -> {
            if (path(event).equals("/late/never")) return hold(event);
            event.extend(4000);
            return sleep();
        });
        addon.on("response", Json.of("filter", "~u /stream/", "content", "stream", "decode", true, "timeout_ms", 3000,
            "fields", List.of("flow.request.path", "flow.response.content")),
            event -> path(event).endsWith("/replace") ? Json.patch("flow.response.content", "replaced") : null,
            (event, body) -> pass(path(event).substring(path(event).lastIndexOf('/') + 1), body));
        addon.on("responseheaders", Json.of("filter", "~u /preview | ~u /whole", "content", Json.of("preview", 16)), Probe::onPreview, (event, body) -> pass("upper", body));
        addon.permit("flow.get", "flow.comment", "flow.resume", "metrics.add", "body.read");
        addon.option("probe_limit", "int", 5, "What is allowed.");
        addon.option("probe_kind", "str", "one", "", "one", "two");
        addon.option("probe_words", "sequence of str", List.of("a", "b"), "");
        addon.command("probe.echo", "Answers what it was given.", "any", "any", event -> event.params.get("args"));
        addon.command("probe.fail", "", "", "", event -> {
            throw new IOException("no luck");
        });
        addon.atEnd(() -> tell("cleaned up"));
        addon.run();
    }
}
