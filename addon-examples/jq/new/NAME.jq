# Adds `x-NAME: 1` to each response.
select(.id) | . as {$id, $method, $params}
| try (
    if $method == "initialize" then {name: "NAME", version: "0.1", hooks: [{name: "response", fields: ["flow.response.headers"]}]}
    elif $method == "response" then {flow: {response: {headers: ($params.flow.response.headers + [["x-NAME", "1"]])}}}
    else {} end  # ping, shutdown
    | {result: .}
  ) catch {error: {code: -32000, message: .}}
| {jsonrpc: "2.0", id: $id} + .
