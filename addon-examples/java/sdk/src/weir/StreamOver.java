package weir;

/** A body is over before its end: nothing more is sent or taken. The message says why, such as {@code client_gone}. */
public final class StreamOver extends Exception {
    StreamOver(String why) { super(why); }
}
