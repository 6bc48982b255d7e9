package weir;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** Octets, headers and answers on plain values. Headers are an event's list of pairs; a name's case does not matter. */
public final class Values {
    private Values() {}

    /** Octets as a value: text where they are UTF-8, else Base64. */
    public static Object value(byte[] data) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(data)).toString();
        } catch (CharacterCodingException notText) {
            return Json.of("b64", Base64.getEncoder().encodeToString(data));
        }
    }

    /** The octets for which a value stands, which is of one of the two forms. See {@link Event#bytes} for bodies. */
    public static byte[] bytes(Object value) {
        if (value instanceof String text) return text.getBytes(StandardCharsets.UTF_8);
        if (Json.at(value, "b64") instanceof String text) return Base64.getDecoder().decode(text);
        throw new IllegalArgumentException("no byte string: " + Json.write(value));
    }

    private static boolean is(Object field, String name) {
        return field instanceof List<?> pair && pair.get(0) instanceof String text && text.equalsIgnoreCase(name);
    }

    /** The first value of that name, if it is text; else null. */
    public static String header(List<Object> headers, String name) {
        List<Object> all = headers(headers, name);
        return !all.isEmpty() && all.get(0) instanceof String text ? text : null;
    }

    /** All values of that name. */
    public static List<Object> headers(List<Object> headers, String name) {
        List<Object> found = new ArrayList<>();
        if (headers != null) for (Object field : headers) if (is(field, name)) found.add(((List<?>) field).get(1));
        return found;
    }

    public static void addHeader(List<Object> headers, String name, Object value) {
        headers.add(Arrays.asList(name, value));
    }

    /** Puts one field where the first of that name is, at the end if there is none. */
    public static void setHeader(List<Object> headers, String name, Object value) {
        int first = 0;
        while (first < headers.size() && !is(headers.get(first), name)) first++;
        removeHeader(headers, name);
        headers.add(first, Arrays.asList(name, value));
    }

    public static void removeHeader(List<Object> headers, String name) { headers.removeIf(field -> is(field, name)); }

    /** A response in the place of the server's; {@code headers} may be null. */
    public static Map<String, Object> respond(int status, List<Object> headers, byte[] content) {
        List<Object> pairs = headers == null ? List.of() : headers;
        return Json.patch("flow.response", Json.of("status_code", status, "headers", pairs, "content", value(content)));
    }

    public static Map<String, Object> kill() { return Json.of("kill", true); }
}
