package weir;

/** The core's error in answer to a call; {@code kind} is a word of the specification's section 8. */
public final class CallException extends Exception {
    public final long code;
    public final String kind;

    CallException(Object error) {
        super(String.valueOf(Json.at(error, "message")));
        code = Json.at(error, "code") instanceof Long number ? number : -32603;
        kind = Json.at(error, "data", "kind") instanceof String word ? word : "internal_error";
    }
}
