package weir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON as plain values: {@code Map<String, Object>} in order, {@code List<Object>}, {@code String}, {@code Long} or
 * {@code Double}, {@code Boolean}, null. Maps and lists that were read may be changed.
 */
public final class Json {
    private final byte[] text;
    private final int end;
    private int at;

    private Json(byte[] text, int start, int end) {
        this.text = text;
        this.at = start;
        this.end = end;
    }

    // Values

    /** The value at the end of a path of members, null if there is none. */
    public static Object at(Object value, String... path) {
        for (String name : path) value = value instanceof Map<?, ?> map ? map.get(name) : null;
        return value;
    }

    /** The same if it is a list, else null. */
    @SuppressWarnings("unchecked")
    public static List<Object> list(Object value, String... path) {
        return at(value, path) instanceof List<?> list ? (List<Object>) list : null;
    }

    /** The same if it is a map, else null. */
    @SuppressWarnings("unchecked")
    public static Map<String, Object> map(Object value, String... path) {
        return at(value, path) instanceof Map<?, ?> map ? (Map<String, Object>) map : null;
    }

    /** A map of names and values: {@code of("a", 1, "b", null)}. */
    public static Map<String, Object> of(Object... pairs) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int index = 0; index < pairs.length; index += 2) map.put((String) pairs[index], pairs[index + 1]);
        return map;
    }

    /** A map for each step of a path such as {@code flow.response.headers}, and the value at its end. */
    public static Map<String, Object> patch(String path, Object value) {
        int dot = path.indexOf('.');
        return dot < 0 ? of(path, value) : of(path.substring(0, dot), patch(path.substring(dot + 1), value));
    }

    // Reading

    public static Object read(byte[] text, int start, int end) throws IOException {
        Json json = new Json(text, start, end);
        try {
            Object value = json.value(0);
            if (json.peek() >= 0) throw json.failure("something follows the value");
            return value;
        } catch (NumberFormatException problem) {
            throw json.failure("a number is none");
        }
    }

    private IOException failure(String what) { return new IOException("no JSON: " + what + " at octet " + at); }

    /** The next octet that is no white space, -1 at the end. */
    private int peek() {
        while (at < end && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) at++;
        return at < end ? text[at] : -1;
    }

    private Object value(int depth) throws IOException {
        if (depth > 128) throw failure("nested too deep");
        return switch (peek()) {
            case '{' -> object(depth);
            case '[' -> array(depth);
            case '"' -> string();
            case 't' -> word("true", Boolean.TRUE);
            case 'f' -> word("false", Boolean.FALSE);
            case 'n' -> word("null", null);
            default -> number();
        };
    }

    private Map<String, Object> object(int depth) throws IOException {
        Map<String, Object> map = new LinkedHashMap<>();
        for (boolean isMore = isFilled('}'); isMore; isMore = isMore('}')) {
            if (peek() != '"') throw failure("a member's name is missing");
            String name = string();
            if (peek() != ':') throw failure("a colon is missing");
            at++;
            map.put(name, value(depth + 1));
        }
        return map;
    }

    private List<Object> array(int depth) throws IOException {
        List<Object> list = new ArrayList<>();
        for (boolean isMore = isFilled(']'); isMore; isMore = isMore(']')) list.add(value(depth + 1));
        return list;
    }

    /** Whether anything is between an opening bracket, which is next, and the closing one. */
    private boolean isFilled(char closing) {
        at++;
        if (peek() != closing) return true;
        at++;
        return false;
    }

    private boolean isMore(char closing) throws IOException {
        int next = peek();
        if (next != ',' && next != closing) throw failure("neither a comma nor the end of a list");
        at++;
        return next == ',';
    }

    private Object word(String word, Object value) throws IOException {
        for (int index = 0; index < word.length(); index++, at++)
            if (at >= end || text[at] != word.charAt(index)) throw failure("an unknown word");
        return value;
    }

    private Object number() {
        int start = at;
        boolean isInteger = true;
        for (; at < end; at++) {
            byte digit = text[at];
            if (digit == '.' || digit == 'e' || digit == 'E' || digit == '+') isInteger = false;
            else if (digit != '-' && (digit < '0' || digit > '9')) break;
        }
        String digits = new String(text, start, at - start, StandardCharsets.ISO_8859_1);
        if (isInteger) return Long.valueOf(digits);
        return Double.valueOf(digits);
    }

    private String string() throws IOException {
        StringBuilder made = null;
        for (int start = ++at;; start = at) {
            while (at < end && text[at] != '"' && text[at] != '\\') at++;
            if (at == end) throw failure("a string has no end");
            String plain = new String(text, start, at - start, StandardCharsets.UTF_8);
            if (text[at++] == '"') return made == null ? plain : made.append(plain).toString();
            if (made == null) made = new StringBuilder();
            made.append(plain).append(escaped());
        }
    }

    private char escaped() throws IOException {
        char kind = at < end ? (char) text[at++] : 0;
        if (kind != 'u') {
            int place = "\"\\/bfnrt".indexOf(kind);
            if (place < 0) throw failure("an unknown escape");
            return "\"\\/\b\f\n\r\t".charAt(place);
        }
        if (end - at < 4) throw failure("four hexadecimal digits are missing");
        at += 4;
        return (char) Integer.parseInt(new String(text, at - 4, 4, StandardCharsets.ISO_8859_1), 16);
    }

    // Writing

    public static String write(Object value) {
        StringBuilder line = new StringBuilder(256);
        write(value, line);
        return line.toString();
    }

    private static void write(Object value, StringBuilder line) {
        if (value instanceof CharSequence text) {
            write(text, line);
        } else if (value instanceof Map<?, ?> map) {
            char before = '{';
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                write((CharSequence) entry.getKey(), line.append(before));
                write(entry.getValue(), line.append(':'));
                before = ',';
            }
            line.append(map.isEmpty() ? "{}" : "}");
        } else if (value instanceof Iterable<?> list) {
            char before = '[';
            for (Object one : list) {
                write(one, line.append(before));
                before = ',';
            }
            line.append(before == '[' ? "[]" : "]");
        } else if (value instanceof Number number && !Double.isFinite(number.doubleValue())) {
            line.append("null"); // JSON has neither infinity nor NaN
        } else if (value == null || value instanceof Boolean || value instanceof Number) {
            line.append(value);
        } else {
            throw new IllegalArgumentException("no value of JSON: " + value.getClass());
        }
    }

    private static void write(CharSequence text, StringBuilder line) {
        line.append('"');
        int start = 0;
        for (int index = 0; index < text.length(); index++) {
            char one = text.charAt(index);
            if (one >= ' ' && one != '"' && one != '\\') continue;
            line.append(text, start, index);
            start = index + 1;
            if (one == '"' || one == '\\') line.append('\\').append(one);
            else line.append("\\u00").append(Character.forDigit(one >> 4, 16)).append(Character.forDigit(one & 15, 16));
        }
        line.append(text, start, text.length()).append('"');
    }
}
