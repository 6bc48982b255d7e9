// Overrides names: DNS queries for them are answered here, and the proxy's own connections to them go to that address.
// Names below one that begins with `*.` are overridden, too. The option may be set while the proxy runs.
// Run: addon-examples/java/build && weir --addon addon-examples/java/dns/dns.jar --mode dns --set 'dns_hosts=api.test=127.0.0.1' --set 'dns_hosts=*.lan=fd00::1'
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import weir.Addon;
import weir.Json;

final class Dns {
    private static final Map<Integer, Long> TYPES = Map.of(4, 1L, 16, 28L); // A and AAAA, by the octets of an address
    private static volatile Map<String, List<byte[]>> hosts = Map.of();

    private static Map<String, List<byte[]>> read(List<?> entries) throws Exception {
        Map<String, List<byte[]>> read = new HashMap<>();
        for (Object entry : entries) {
            String[] parts = entry.toString().toLowerCase(Locale.ROOT).split("=", 2);
            // Nothing but an address: a name would be looked up.
            if (parts.length < 2 || !parts[1].matches("[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*")) throw new IllegalArgumentException("dns_hosts: expected NAME=ADDRESS, not '" + entry + "'");
            read.computeIfAbsent(parts[0], name -> new ArrayList<>()).add(InetAddress.getByName(parts[1]).getAddress());
        }
        return read;
    }

    /** The addresses of a name; null if it is not overridden. */
    private static List<byte[]> find(Object name) {
        String rest = String.valueOf(name).toLowerCase(Locale.ROOT);
        List<byte[]> found = hosts.get(rest);
        for (int dot; found == null && (dot = rest.indexOf('.')) >= 0; found = hosts.get("*." + rest)) rest = rest.substring(dot + 1);
        return found;
    }

    public static void main(String[] arguments) {
        Addon addon = new Addon("dns", "1");
        addon.option("dns_hosts", "sequence of str", List.of(), "Names and the addresses that they have: NAME=ADDRESS.");
        addon.on("configure", event -> {
            hosts = read((List<?>) Json.at(event.params, "options", "dns_hosts"));
            return null;
        });
        addon.on("dns_request", Json.of("fields", List.of("flow.request.questions")), event -> {
            Object question = event.list("request", "questions").get(0);
            List<byte[]> addresses = find(Json.at(question, "name"));
            if (addresses == null) return null;
            List<Object> answers = new ArrayList<>();
            for (byte[] address : addresses)
                if (TYPES.get(address.length).equals(Json.at(question, "type")))
                    answers.add(Json.of("name", Json.at(question, "name"), "type", TYPES.get(address.length), "class_", 1, "ttl", 10,
                        "data", Json.of("b64", Base64.getEncoder().encodeToString(address))));
            return Json.patch("flow.response", Json.of("recursion_available", true, "answers", answers));
        });
        addon.on("server_connect", Json.of("fields", List.of("server_conn.address")), event -> {
            if (!(Json.at(event.params, "server_conn", "address") instanceof List<?> address)) return null;
            List<byte[]> addresses = find(address.get(0));
            if (addresses == null) return null;
            return Json.patch("server_conn.address", List.of(InetAddress.getByAddress(addresses.get(0)).getHostAddress(), address.get(1)));
        });
        addon.run();
    }
}
