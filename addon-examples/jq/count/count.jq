# Counts flows: adds `x-addon-jq: N` to the N-th response. Run: weir --addon addon-examples/jq/count/count.jq
foreach (., inputs) as $message (
  0;
  if $message.method == "response" then . + 1 else . end;
  . as $count | $message
  | if .id == null then empty  # a notification
    elif .method == "initialize" then {protocol: 1, name: "count-jq", version: "1", hooks: ["response"]}
    elif .method == "response" then
      {flow: {response: {headers: (.params.flow.response.headers + [["x-addon-jq", "\($count)"]])}}}
    else {} end  # ping, shutdown
  | {jsonrpc: "2.0", id: $message.id, result: .}
)
