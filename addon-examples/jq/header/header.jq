# Adds `x-addon: 1` to each request and response. Run: weir --addon addon-examples/jq/header/header.jq
select(.id) | . as {$id, $method, $params}
| try (
    if $method == "initialize" then
      {name: "header-jq", version: "1", hooks: ["request", "response" | {name: ., fields: ["flow.\(.).headers"]}]}
    elif $method == "request" or $method == "response" then
      {flow: {($method): {headers: ($params.flow[$method].headers + [["x-addon", "1"]])}}}
    else {} end  # ping, shutdown
    | {result: .}
  ) catch {error: {code: -32000, message: .}}
| {jsonrpc: "2.0", id: $id} + .
