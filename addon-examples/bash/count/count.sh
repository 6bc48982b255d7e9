#!/usr/bin/env bash
# Counts flows: adds `x-addon-bash: N` to the N-th response. Needs jq. Run: weir --addon addon-examples/bash/count/count.sh
link=$WEIR_ADDON_FD
hello='{"protocol":1,"name":"count-bash","version":"1","hooks":[{"name":"response","fields":["flow.response.headers"]}]}'
count=0

# Of each request three lines: its id, its method, and the list of headers without its end, to which one is added. jq runs once for all.
program='select(.method and .id) | .id, .method,
  (.params.flow.response.headers // [] | if . == [] then "[" else tojson[:-1] + "," end)'

while read -r id && read -r method && read -r headers; do
  result={} # ping, shutdown
  if [[ $method == initialize ]]; then
    result=$hello
  elif [[ $method == response ]]; then
    count=$((count + 1))
    result="{\"flow\":{\"response\":{\"headers\":${headers}[\"x-addon-bash\",\"$count\"]]}}}"
  fi
  printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result" >&"$link"
done < <(jq -rc --unbuffered "$program" <&"$link")
