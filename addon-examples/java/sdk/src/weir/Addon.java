package weir;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** An addon of Weir: what it hooks, and its connection to the core. Declare first, then {@code run}. */
public final class Addon {
    /** Returns what changes, the {@code result} of the specification's section 7: null for nothing. What it throws is the event's error. */
    public interface Handler {
        Object handle(Event event) throws Exception;
    }

    /** Deals with a body in parts, behind the answer to its event. The new body ends when this returns, and breaks off when it throws. */
    public interface BodyHandler {
        void pass(Event event, Body body) throws Exception;
    }

    /** Threads for events and for bodies; with those of Java's own a confined addon may have 64. */
    private static final int EVENTS = 24, BODIES = 16;

    private record Handlers(Handler handler, BodyHandler body) {}

    private final Map<String, Object> hello = Json.of("protocol", 1, "limits", Json.of("max_line", Link.MAX_LINE, "max_in_flight", EVENTS));
    private final Map<String, Handlers> hooks = new HashMap<>();
    private final Map<String, Handler> commands = new HashMap<>();
    private final Map<Object, Event> open = new ConcurrentHashMap<>();
    private final Map<Object, Body> bodies = new ConcurrentHashMap<>();
    private final Map<Object, CompletableFuture<Object>> calls = new ConcurrentHashMap<>();
    private final AtomicLong lastCall = new AtomicLong();
    private final ThreadPoolExecutor events = pool(EVENTS, 1024), streams = pool(BODIES, 256), observers = pool(1, 1024);
    private volatile Map<String, Object> settings = Json.of();
    private volatile boolean isDraining;
    private volatile Link link;
    private Runnable cleanUp;
    private long credit = 262_144;

    public Addon(String name, String version) {
        hello.put("name", name);
        hello.put("version", version);
    }

    /** So many may wait. The core sends fewer events and streams; observed events beyond them are dropped. */
    private static ThreadPoolExecutor pool(int threads, int waiting) {
        ThreadPoolExecutor pool = new ThreadPoolExecutor(threads, threads, 10, TimeUnit.SECONDS, new LinkedBlockingQueue<>(waiting), work -> {
            Thread thread = new Thread(work);
            thread.setDaemon(true);
            return thread;
        }, (work, full) -> System.err.println("weir: an event was dropped: " + waiting + " wait"));
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }

    // Declaring

    @SuppressWarnings("unchecked")
    private void ask(String list, Object entry) { ((List<Object>) hello.computeIfAbsent(list, name -> new ArrayList<>())).add(entry); }

    public Addon on(String hook, Handler handler) { return on(hook, new Hook(), handler, null); }
    public Addon on(String hook, Hook options, Handler handler) { return on(hook, options, handler, null); }

    /** Hooks an event, one handler for each hook; observed events are handled one after the other. With the content {@code stream}, or a preview, {@code body} deals with the pieces; {@code handler} may be null. */
    public Addon on(String hook, Hook options, Handler handler, BodyHandler body) {
        if (hooks.put(hook, new Handlers(handler, body)) != null) throw new IllegalArgumentException("'" + hook + "' has a handler already");
        Map<String, Object> entry = Json.of("name", hook);
        entry.putAll(options.members);
        ask("hooks", entry);
        return this;
    }

    /** Asks for the permission to make these calls. */
    public Addon permit(String... methods) {
        for (String method : methods) ask("permissions", method);
        return this;
    }

    /** Declares a setting. A handler of {@code configure} that throws refuses new values, which are in its event's {@code options}. */
    public Addon option(String name, String type, Object value, String help, String... choices) {
        Map<String, Object> entry = Json.of("name", name, "type", type, "help", help);
        if (value != null) entry.put("default", value);
        if (choices.length > 0) entry.put("choices", List.of(choices));
        ask("options", entry);
        settings.put(name, value); // until `configure` says what it is
        return this;
    }

    /** Offers a command; its event's params have {@code name}, {@code args} and {@code caller}, and it returns any value. */
    public Addon command(String name, String help, String arguments, String result, Handler handler) {
        commands.put(name, handler);
        ask("commands", Json.of("name", name, "help", help, "arguments", arguments, "result", result));
        return this;
    }

    /** What is to be done before the end. */
    public Addon atEnd(Runnable cleanUp) {
        this.cleanUp = cleanUp;
        return this;
    }

    // Running

    /** The present value of an option: of the addon's own, and if it hooks {@code configure} of the core's. */
    public Object setting(String name) { return settings.get(name); }

    /** The core has said that nothing new follows. */
    public boolean isDraining() { return isDraining; }

    /** Calls the core and waits for the answer, also inside an event. */
    public Object call(String method, Map<String, Object> params) throws CallException, InterruptedException {
        Long id = lastCall.incrementAndGet();
        CompletableFuture<Object> answer = new CompletableFuture<>();
        calls.put(id, answer);
        link.send(Json.write(Json.of("jsonrpc", "2.0", "id", id, "method", method, "params", params)));
        try {
            return answer.get();
        } catch (ExecutionException failed) {
            throw (CallException) failed.getCause();
        } finally {
            calls.remove(id);
        }
    }

    public void log(String level, String text) { notice("log", Json.of("level", level, "msg", text)); }

    /** Adds to a counter of the core; needs the permission {@code metrics.add}. {@code labels} may be null. */
    public void count(String name, double value, Map<String, Object> labels) {
        notice("metrics.add", Json.of("metrics", List.of(Json.of("name", name, "value", value, "labels", labels == null ? Json.of() : labels))));
    }

    void notice(String method, Map<String, Object> params) { link.send(Json.write(Json.of("jsonrpc", "2.0", "method", method, "params", params))); }

    /** Serves events until the connection ends; a connection or a line that is broken ends the process with words and status 1. */
    public void run() {
        if (hello.containsKey("options") && !hooks.containsKey("configure")) on("configure", null);
        try {
            link = new Link();
            for (Object message; (message = link.read()) != null;) receive(message);
        } catch (IOException | RuntimeException problem) {
            System.err.println("weir: " + problem.getMessage());
            cleanUp();
            System.exit(1);
        }
        for (Event event : open.values()) event.cancel(true);
        for (Body body : bodies.values()) body.hear("reset", Json.of("why", "gone"));
        for (CompletableFuture<Object> call : calls.values()) call.completeExceptionally(new CallException(Json.of("code", -32009L, "message", "the connection has ended", "data", Json.of("kind", "gone"))));
        cleanUp();
    }

    private synchronized void cleanUp() {
        Runnable once = cleanUp;
        cleanUp = null;
        if (once != null) once.run();
    }

    // What the core says, on the thread that reads

    @SuppressWarnings("unchecked")
    private void receive(Object line) throws IOException {
        if (!(line instanceof Map<?, ?> message)) throw new IOException("no JSON object in a line");
        Object id = message.get("id");
        Map<String, Object> params = message.get("params") instanceof Map<?, ?> map ? (Map<String, Object>) map : Json.of();
        if (!(message.get("method") instanceof String method)) {
            CompletableFuture<Object> call = id == null ? null : calls.get(id);
            if (call == null) return;
            if (message.containsKey("error")) call.completeExceptionally(new CallException(message.get("error")));
            else call.complete(message.get("result"));
            return;
        }
        switch (method) {
            case "initialize" -> {
                if (Json.at(params, "limits", "stream_credit") instanceof Long number) credit = number;
                answer(id, "result", hello);
            }
            case "initialized" -> warn(params);
            case "cancel" -> {
                Event event = open.get(params.get("id"));
                if (event != null) event.cancel(link.isInterruptible);
            }
            case "drain" -> isDraining = true;
            case "ping" -> answer(id, "result", Json.of());
            case "shutdown" -> events.execute(() -> {
                cleanUp();
                answer(id, "result", Json.of());
            });
            case "command" -> {
                Handler handler = commands.get(params.get("name"));
                if (handler == null) answer(id, "error", Json.of("code", -32601, "message", "no such command"));
                else start(new Event(this, (String) params.get("name"), (Long) id, params), new Handlers(handler, null), null);
            }
            default -> {
                Handlers handlers = hooks.get(method);
                if (method.startsWith("stream.")) {
                    Object number = params.get("s");
                    Body body = method.equals("stream.reset") ? bodies.remove(number) : bodies.get(number);
                    if (body != null) body.hear(method.substring("stream.".length()), params);
                } else if (handlers != null) {
                    start(new Event(this, method, (Long) id, params), handlers, Json.of());
                } else {
                    answer(id, "error", Json.of("code", -32601, "message", "no such method"));
                }
            }
        }
    }

    private void answer(Object id, String kind, Object value) {
        if (id != null) link.send(Json.write(Json.of("jsonrpc", "2.0", "id", id, kind, value)));
    }

    private void warn(Map<String, Object> params) {
        List<Object> missing = new ArrayList<>(hello.get("permissions") instanceof List<?> asked ? asked : List.of());
        if (params.get("permissions") instanceof List<?> granted) missing.removeAll(granted);
        if (params.get("refused") instanceof List<?> refused && !refused.isEmpty()) System.err.println("weir: hooks were refused: " + Json.write(refused));
        if (!missing.isEmpty()) System.err.println("weir: permissions were not granted: " + Json.write(missing));
    }

    // Events, on the threads of `events`

    private void start(Event event, Handlers handlers, Object nothing) {
        String part = event.offered();
        Body body = part == null ? null : new Body(this, (Long) event.at(part, "content", "stream"), credit);
        if (body != null) bodies.put(body.number, body);
        if (event.id != null) open.put(event.id, event);
        (event.id == null ? observers : events).execute(() -> {
            Object result = handle(event, handlers.handler, nothing);
            if (body == null) return;
            if (result instanceof Map<?, ?> && !event.isCancelled() && handlers.body != null && event.opens(result, part))
                streams.execute(() -> pass(event, body, handlers.body));
            else forget(body);
        });
    }

    /** Answers an event; the result, or null if it failed. */
    private Object handle(Event event, Handler handler, Object nothing) {
        Object result = nothing;
        String line;
        try {
            Object returned = event.begin() && handler != null ? handler.handle(event) : null;
            if (returned != null) result = returned;
            line = Json.write(Json.of("jsonrpc", "2.0", "id", event.id, "result", result)); // What cannot be written is the handler's failure.
            if (event.name.equals("configure")) settings = options(event);
        } catch (Exception | StackOverflowError | OutOfMemoryError problem) {
            if (!event.isCancelled()) problem.printStackTrace();
            result = null;
            String text = problem.getMessage() == null ? problem.toString() : problem.getMessage();
            line = Json.write(Json.of("jsonrpc", "2.0", "id", event.id, "error", Json.of("code", -32000, "message", text)));
        }
        event.end();
        if (event.id != null && open.remove(event.id) != null && !event.isCancelled()) link.send(line);
        return result;
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> options(Event event) { return (Map<String, Object>) event.params.get("options"); }

    private void pass(Event event, Body body, BodyHandler handler) {
        try {
            handler.pass(event, body);
            body.finish(Json.of());
        } catch (StreamOver over) {
            // The core knows.
        } catch (Exception | StackOverflowError | OutOfMemoryError problem) {
            problem.printStackTrace();
            body.finish(Json.of("status", "error", "message", String.valueOf(problem.getMessage())));
        }
        forget(body);
    }

    void forget(Body body) { bodies.remove(body.number, body); }
}
