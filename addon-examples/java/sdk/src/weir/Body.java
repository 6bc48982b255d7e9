package weir;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * A body that passes through in parts: pieces of the original are read from it, those of the new one written to it. Credit is its own
 * affair: a piece's is given back when the next is asked for, and {@code write} waits for the core's.
 */
public final class Body {
    final Long number;
    private final Addon addon;
    private final int largest;
    private final ArrayDeque<byte[]> pieces = new ArrayDeque<>();
    private long room;
    private int owed;
    private boolean isComplete, isDetached, isEnded;
    private List<Object> trailers;
    private String why;

    Body(Addon addon, Long number, long credit) {
        this.addon = addon;
        this.number = number;
        room = credit;
        largest = (int) Math.min(credit / 2, 1 << 20);
    }

    /** The next piece; null at the end of what comes. */
    public byte[] read() throws StreamOver, InterruptedException {
        int back = takeOwed();
        if (back > 0) say("credit", "bytes", back);
        synchronized (this) {
            while (pieces.isEmpty() && !isComplete && why == null) wait();
            if (why != null) throw new StreamOver(why);
            byte[] piece = pieces.poll();
            owed = piece == null ? 0 : piece.length;
            return piece;
        }
    }

    private synchronized int takeOwed() {
        int back = owed;
        owed = 0;
        return back;
    }

    public void write(byte[] data) throws StreamOver, InterruptedException {
        for (int from = 0, size; from < data.length; from += size) {
            synchronized (this) {
                while (room == 0 && why == null) wait();
                if (why != null) throw new StreamOver(why);
                if (isEnded) return;
                size = cut(data, from, (int) Math.min(room, Math.min(largest, data.length - from)));
                room -= size;
            }
            say("data", "data", Values.value(Arrays.copyOfRange(data, from, from + size)));
        }
    }

    /** Between characters, where it is text. */
    private static int cut(byte[] data, int from, int size) {
        for (int back = 0; from + size < data.length && back < Math.min(4, size); back++)
            if ((data[from + size - back] & 0xC0) != 0x80) return size - back;
        return size;
    }

    /** The new body is complete, also before the original is. It also is when the function that passes it returns. */
    public void end() { finish(Json.of()); }

    /** The same with trailers in the place of the original's; null for none. */
    public void end(List<Object> trailers) { finish(Json.of("trailers", trailers)); }

    /** No more of the original is wanted: what is under way is still read and written, then the rest passes untouched. */
    public void detach() { say("detach"); }

    /** The original's trailers, null where there are none, once its end was read. */
    public synchronized List<Object> trailers() { return trailers; }

    /** Whether the pieces ended because of {@code detach}. */
    public synchronized boolean isDetached() { return isDetached; }

    @SuppressWarnings("unchecked")
    synchronized void hear(String what, Map<String, Object> params) {
        switch (what) {
            case "data" -> {
                if (!isEnded) pieces.add(Values.bytes(params.get("data")));
            }
            case "credit" -> room += (Long) params.get("bytes");
            case "end" -> {
                isComplete = true;
                isDetached = Boolean.TRUE.equals(params.get("detached"));
                trailers = (List<Object>) params.get("trailers");
            }
            case "reset" -> why = String.valueOf(params.get("why"));
            default -> { }
        }
        notifyAll();
    }

    /** Ends the stream once. */
    void finish(Map<String, Object> params) {
        synchronized (this) {
            if (isEnded || why != null) return;
            isEnded = isComplete = true;
            pieces.clear();
            owed = 0;
        }
        addon.forget(this);
        params.put("s", number);
        addon.notice("stream.end", params);
    }

    private void say(String what, Object... pairs) {
        Map<String, Object> params = Json.of(pairs);
        params.put("s", number);
        addon.notice("stream." + what, params);
    }
}
