"""Bodies: content without its codings, texts in their charsets, JSON, and lengths that follow."""

import json

from mitmproxy import http

STYLE = b"<style>html {transform: rotate(180deg)}</style>"


class Pages:
    def request(self, flow: http.HTTPFlow) -> None:
        if flow.request.path.startswith("/pages"):
            flow.request.anticache()
            if flow.request.method == "POST":
                flow.request.text = flow.request.text.swapcase()

    def response(self, flow: http.HTTPFlow) -> None:
        answer = flow.response
        if not flow.request.path.startswith("/pages"):
            return
        match answer.headers.get("content-type", "").partition(";")[0]:
            case "text/html":
                answer.content = answer.content.replace(b"</head>", STYLE + b"</head>")
            case "text/plain":
                answer.text = f"{answer.text} – ça"
            case "application/json":
                value = answer.json()
                value["password"] = len(value["password"])
                answer.text = json.dumps(value, sort_keys=True)
            case "application/x-decode":
                answer.decode()
            case "application/x-encode":
                answer.headers["X-Size"] = str(len(answer.content))
                answer.encode("gzip")
            case "application/x-raw":
                answer.raw_content = answer.raw_content[::-1]


addons = [Pages()]
