package weir;

/** A body's stream is over before its end, for the core's reason, such as {@code client_gone}: nothing more is sent or taken. */
public final class StreamOver extends Exception {
    public final String why;

    StreamOver(String why) {
        super(why);
        this.why = why;
    }
}
