#!/usr/bin/env bash
# Adds `x-addon: 1` to each request and response. Needs jq. Run: weir --addon addon-examples/bash/header/header.sh
link=$WEIR_ADDON_FD
hello='{"name":"header-bash","version":"1","hooks":[{"name":"request","fields":["flow.request.headers"]},
  {"name":"response","fields":["flow.response.headers"]}]}'

# Of each request three lines: its id, its method, and the list of headers without its end, to which one is added. jq runs once for all.
program='select(.method and .id) | .id, .method,
  (.params.flow[.method].headers? // [] | if . == [] then "[" else tojson[:-1] + "," end)'

while read -r id && read -r method && read -r headers; do
  case $method in
    initialize) result=${hello//$'\n'/} ;;
    request | response) result="{\"flow\":{\"$method\":{\"headers\":${headers}[\"x-addon\",\"1\"]]}}}" ;;
    *) result={} ;; # ping, shutdown
  esac
  printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result" >&"$link"
done < <(jq -rc --unbuffered "$program" <&"$link")
