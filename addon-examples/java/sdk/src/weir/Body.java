package weir;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * A body that passes through in parts: pieces of the original are read from it, those of the new one written to it, by
 * one thread. Credit is its own affair: a piece's is given back when the next is asked for, and {@code write} waits.
 */
public final class Body {
    private final Long number;
    private final Addon addon;
    private final int largest;
    private final ArrayDeque<byte[]> pieces = new ArrayDeque<>();
    private final Map<String, Object> ending = Json.of();
    private int owed;
    private long room;
    private Map<String, Object> end;
    private String why;

    Body(Addon addon, Long number, long credit) {
        this.addon = addon;
        this.number = number;
        room = credit;
        largest = (int) Math.min(credit / 2, 1 << 20);
    }

    /** The next piece; null at the end of what comes. */
    public byte[] read() throws StreamOver, InterruptedException {
        // What is sent is sent without the lock, for which the thread that reads may wait.
        if (owed > 0) say("credit", Json.of("bytes", owed));
        synchronized (this) {
            owed = 0;
            while (pieces.isEmpty() && end == null && why == null) wait();
            if (why != null) throw new StreamOver(why);
            byte[] piece = pieces.poll();
            if (piece != null) owed = piece.length;
            return piece;
        }
    }

    public void write(byte[] data) throws StreamOver, InterruptedException {
        for (int from = 0, size; from < data.length; from += size) {
            synchronized (this) {
                while (room == 0 && why == null) wait();
                if (why != null) throw new StreamOver(why);
                size = (int) Math.min(room, Math.min(largest, data.length - from));
                room -= size;
            }
            say("data", Json.of("data", Values.value(Arrays.copyOfRange(data, from, from + size))));
        }
    }

    /** No more of the original is wanted: what is under way still comes to be read, then the rest passes untouched. */
    public void detach() { say("detach", Json.of()); }

    /** Whether the pieces ended because of {@code detach}. */
    public synchronized boolean isDetached() { return Boolean.TRUE.equals(Json.at(end, "detached")); }

    /** The original's trailers, null where there are none, once its end was read. */
    public synchronized List<Object> trailers() { return Json.list(end, "trailers"); }

    /** What the new body ends with in the place of the original's trailers; null for none. */
    public void setTrailers(List<Object> trailers) { ending.put("trailers", trailers); }

    synchronized void hear(String what, Map<String, Object> params) {
        switch (what) {
            case "data" -> pieces.add(Values.bytes(params.get("data")));
            case "credit" -> room += (Long) params.get("bytes");
            case "end" -> end = params;
            case "reset" -> why = String.valueOf(params.get("why"));
        }
        notifyAll();
    }

    void carry(Event event, Addon.BodyHandler handler) {
        try {
            handler.pass(event, this);
            say("end", ending);
        } catch (StreamOver over) {
            // The core knows.
        } catch (Throwable problem) {
            problem.printStackTrace();
            say("end", Json.of("status", "error", "message", String.valueOf(problem.getMessage())));
        }
    }

    private void say(String what, Map<String, Object> params) {
        params.put("s", number);
        addon.notice("stream." + what, params);
    }
}
