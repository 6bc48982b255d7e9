#!/usr/bin/env bash
# Counts flows: adds `x-addon-bash: N` to the N-th response. Needs jq. Run: weir --addon addon-examples/bash/count/count.sh
link=$WEIR_ADDON_FD
count=0

# For one message: its method on a line, then the answer on a line, empty for a notification.
program='.method, (if .id == null then ""
  elif .method == "initialize" then {protocol: 1, name: "count-bash", version: "1", hooks: ["response"]}
  elif .method == "response" then
    {flow: {response: {headers: (.params.flow.response.headers + [["x-addon-bash", $count]])}}}
  else {} end | if . == "" then . else {jsonrpc: "2.0", id: $id, result: .} end)'

while IFS= read -r line <&"$link"; do
  { IFS= read -r method && IFS= read -r answer; } < <(
    jq -rc --arg count $((count + 1)) ". as {id: \$id} | $program" <<<"$line"
  )
  if [[ $method == response ]]; then count=$((count + 1)); fi
  if [[ $answer ]]; then printf '%s\n' "$answer" >&"$link"; fi
done
