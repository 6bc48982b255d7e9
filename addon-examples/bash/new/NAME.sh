#!/usr/bin/env bash
# Adds `x-NAME: 1` to each response. Needs jq.
link=$WEIR_ADDON_FD
hello='{"name":"NAME","version":"0.1","hooks":[{"name":"response","fields":["flow.response.headers"]}]}'

# Of each request three lines: its id, its method, and what an event is answered with. jq runs once for all.
program='select(.method and .id) | .id, .method,
  if .method == "response" then {flow: {response: {headers: (.params.flow.response.headers + [["x-NAME", "1"]])}}} else {} end'

while read -r id && read -r method && read -r result; do
  if [[ $method == initialize ]]; then result=$hello; fi
  printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result" >&"$link"
done < <(jq -rc --unbuffered "$program" <&"$link")
