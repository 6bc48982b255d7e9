package weir;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** An addon of Weir: what it hooks, and its connection to the core. Declare first, then {@code run}. */
public final class Addon {
    /** Returns what changes, the {@code result} of section 7, null for nothing. What it throws is the event's error. */
    public interface Handler { Object handle(Event event) throws Exception; }

    /**
     * Deals with a body in parts, behind the answer to its event. The new body ends when this returns, also before the
     * original does, and breaks off when it throws.
     */
    public interface BodyHandler { void pass(Event event, Body body) throws Exception; }

    /** Threads for events and for bodies; with those of Java's own a confined addon may have 64. */
    private static final int EVENTS = 24, BODIES = 16;
    /** What may wait for one of them: the core sends fewer events and bodies. Observed events beyond are dropped. */
    private static final int WAITING = 1024;

    private final Map<String, Object> hello;
    private final Map<String, Handler> hooks = new HashMap<>(), commands = new HashMap<>();
    private final Map<String, BodyHandler> bodyHandlers = new HashMap<>();
    private final Map<Object, Event> open = new ConcurrentHashMap<>();
    private final Map<Object, Body> bodies = new ConcurrentHashMap<>();
    private final Map<Object, CompletableFuture<Object>> calls = new ConcurrentHashMap<>();
    private final CompletableFuture<Object> end = new CompletableFuture<>();
    private final AtomicLong lastCall = new AtomicLong();
    private final ThreadPoolExecutor events = pool(EVENTS), streams = pool(BODIES), observers = pool(1);
    private volatile Map<String, Object> settings = Json.of();
    private Runnable cleanUp = () -> { };
    private volatile long credit = 262_144;
    private volatile Link link;

    public Addon(String name, String version) {
        Map<String, Object> limits = Json.of("max_line", Link.MAX_LINE, "max_in_flight", EVENTS);
        hello = Json.of("protocol", 1, "name", name, "version", version, "limits", limits);
    }

    private static ThreadPoolExecutor pool(int threads) {
        var waiting = new LinkedBlockingQueue<Runnable>(WAITING);
        return new ThreadPoolExecutor(threads, threads, 0, TimeUnit.SECONDS, waiting,
            (work, full) -> System.err.println("weir: an event was dropped: " + WAITING + " wait"));
    }

    // Declaring

    @SuppressWarnings("unchecked")
    private Addon ask(String list, Object entry) {
        ((List<Object>) hello.computeIfAbsent(list, name -> new ArrayList<>())).add(entry);
        return this;
    }

    public Addon on(String hook, Handler handler) { return on(hook, Json.of(), handler); }

    /**
     * Hooks an event, one handler for each hook; observed events are handled one after the other. The options are the
     * members of the specification's section 5: {@code Json.of("filter", "~d example.com", "content", "whole")}.
     */
    public Addon on(String hook, Map<String, ?> options, Handler handler) { return on(hook, options, handler, null); }

    /** With the content {@code stream} or a preview {@code body} deals with the pieces; {@code handler} may be null. */
    public Addon on(String hook, Map<String, ?> options, Handler handler, BodyHandler body) {
        if (hooks.containsKey(hook)) throw new IllegalArgumentException("'" + hook + "' has a handler already");
        hooks.put(hook, event -> {
            Object result = handler == null ? null : handler.handle(event);
            if (hook.equals("configure")) settings = Json.map(event.params, "options");
            return result == null ? Json.of() : result;
        });
        if (body != null) bodyHandlers.put(hook, body);
        Map<String, Object> entry = Json.of("name", hook);
        entry.putAll(options);
        return ask("hooks", entry);
    }

    /** Asks for the permission to make these calls. */
    public Addon permit(String... methods) {
        for (String method : methods) ask("permissions", method);
        return this;
    }

    /** Declares a setting. A handler of {@code configure} refuses its params' {@code options} by throwing. */
    public Addon option(String name, String type, Object value, String help, String... choices) {
        Map<String, Object> entry = Json.of("name", name, "type", type, "default", value, "help", help);
        if (choices.length > 0) entry.put("choices", List.of(choices));
        settings.put(name, value); // until `configure` says what it is
        return ask("options", entry);
    }

    /** Offers a command; its event's params have {@code name}, {@code args}, {@code caller}. It returns any value. */
    public Addon command(String name, String help, String arguments, String result, Handler handler) {
        commands.put(name, handler);
        return ask("commands", Json.of("name", name, "help", help, "arguments", arguments, "result", result));
    }

    /** What is to be done before the end. */
    public Addon atEnd(Runnable cleanUp) {
        this.cleanUp = cleanUp;
        return this;
    }

    // Running

    /** The present value of an option: of the addon's own, and if it hooks {@code configure} of the core's. */
    public Object setting(String name) { return settings.get(name); }

    /** Calls the core and waits for the answer, also inside an event. */
    public Object call(String method, Map<String, Object> params) throws CallException, InterruptedException {
        Long id = lastCall.incrementAndGet();
        CompletableFuture<Object> answer = new CompletableFuture<>();
        String line = Json.write(Json.of("jsonrpc", "2.0", "id", id, "method", method, "params", params));
        calls.put(id, answer);
        link.send(line);
        try {
            return CompletableFuture.anyOf(answer, end).get();
        } catch (ExecutionException failed) {
            throw (CallException) failed.getCause();
        }
    }

    public void log(String level, String text) { notice("log", Json.of("level", level, "msg", text)); }

    /** Adds to a counter of the core; needs the permission {@code metrics.add}. {@code labels} may be null. */
    public void count(String name, double value, Map<String, Object> labels) {
        notice("metrics.add", Json.of("name", name, "value", value, "labels", labels == null ? Json.of() : labels));
    }

    void notice(String method, Map<String, Object> params) {
        link.send(Json.write(Json.of("jsonrpc", "2.0", "method", method, "params", params)));
    }

    /** Serves events until the connection ends, and the process with it: for a broken line with words and status 1. */
    public void run() {
        if (hello.containsKey("options") && !hooks.containsKey("configure")) on("configure", event -> null);
        Runtime.getRuntime().addShutdownHook(new Thread(this::cleanUp));
        int status = 1;
        try {
            link = new Link();
            for (Object message; (message = link.read()) != null;) receive(message);
            status = 0;
        } catch (Throwable problem) {
            System.err.println("weir: " + problem.getMessage());
        }
        var gone = Json.of("code", -32009L, "message", "the connection has ended", "data", Json.of("kind", "gone"));
        end.completeExceptionally(new CallException(gone));
        System.exit(status);
    }

    /** Once; who comes second waits. */
    private synchronized void cleanUp() {
        Runnable wanted = cleanUp;
        cleanUp = () -> { };
        wanted.run();
    }

    // What the core says, on the thread that reads

    private void receive(Object message) throws IOException {
        if (!(message instanceof Map<?, ?>)) throw new IOException("no JSON object in a line");
        Object id = Json.at(message, "id");
        Map<String, Object> given = Json.map(message, "params"), params = given == null ? Json.of() : given;
        if (!(Json.at(message, "method") instanceof String method)) {
            CompletableFuture<Object> call = id == null ? null : calls.remove(id);
            Object error = Json.at(message, "error");
            if (call != null && error != null) call.completeExceptionally(new CallException(error));
            else if (call != null) call.complete(Json.at(message, "result"));
        } else if (method.startsWith("stream.")) {
            Body body = bodies.get(params.get("s"));
            if (body != null) body.hear(method.substring("stream.".length()), params);
        } else {
            hear(method, id, params);
        }
    }

    private void hear(String method, Object id, Map<String, Object> params) {
        switch (method) {
            case "initialize" -> {
                if (Json.at(params, "limits", "stream_credit") instanceof Long number) credit = number;
                link.send(answer(id, "result", hello));
            }
            case "initialized" -> {
                if (params.get("refused") instanceof List<?> refused && !refused.isEmpty())
                    System.err.println("weir: hooks were refused: " + Json.write(refused));
            }
            case "cancel" -> {
                Event event = open.remove(params.get("id"));
                if (event != null) event.work.cancel(link.isInterruptible);
            }
            case "ping" -> link.send(answer(id, "result", Json.of()));
            case "shutdown" -> begin(method, id, params, event -> {
                cleanUp();
                return Json.of();
            });
            case "command" -> begin(method, id, params, commands.get(params.get("name")));
            default -> begin(method, id, params, hooks.get(method));
        }
    }

    private static String answer(Object id, String kind, Object value) {
        return Json.write(Json.of("jsonrpc", "2.0", "id", id, kind, value));
    }

    // Events, on the threads of `events`

    private void begin(String name, Object id, Map<String, Object> params, Handler handler) {
        if (handler != null) {
            Event event = new Event(this, name, id, params);
            event.work = new FutureTask<>(() -> handle(event, handler), null);
            if (id != null) open.put(id, event);
            (id == null ? observers : events).execute(event.work);
        } else if (id != null) {
            link.send(answer(id, "error", Json.of("code", -32601, "message", "there is no '" + name + "'")));
        }
    }

    private void handle(Event event, Handler handler) {
        Long number = null;
        String line;
        try {
            Object result = handler.handle(event);
            line = answer(event.id, "result", result); // What cannot be written is the handler's failure.
            if (bodyHandlers.containsKey(event.name)) number = event.opened(result);
        } catch (Throwable problem) {
            if (!event.isCancelled()) problem.printStackTrace();
            String text = problem.getMessage() == null ? problem.toString() : problem.getMessage();
            line = answer(event.id, "error", Json.of("code", -32000, "message", text));
        }
        if (event.id == null || open.remove(event.id) == null) return;
        if (number == null) link.send(line);
        else carry(event, number, line);
    }

    private void carry(Event event, Long number, String answer) {
        Body body = new Body(this, number, credit);
        bodies.put(number, body); // Its pieces come behind the answer.
        link.send(answer);
        streams.execute(() -> {
            body.carry(event, bodyHandlers.get(event.name));
            bodies.remove(number);
        });
    }
}
