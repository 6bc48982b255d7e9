"""The parts of a URL, and forms of both kinds."""

from mitmproxy import http


def request(flow: http.HTTPFlow) -> None:
    it = flow.request
    if not it.path.startswith("/forms"):
        return
    if it.urlencoded_form:
        it.urlencoded_form["added"] = "ä & b"
        del it.urlencoded_form["gone"]
    elif it.multipart_form:
        it.multipart_form = [*it.multipart_form.items(multi=True), (b"added", b"\x00\xff")]
        # Parts are told apart by a boundary that is random otherwise.
        it.headers["content-type"] = "multipart/form-data; boundary=fixed"
        it.multipart_form = it.multipart_form.items(multi=True)
    elif it.method == "POST":
        it.urlencoded_form = [("made", "of"), ("made", "nothing")]
    it.query["page"] = "2"
    it.query.add("tag", "é/?")
    it.query["all"] = str(it.query.get_all("tag"))
    it.headers["X-Parts"] = f"{it.path_components} {it.scheme} {it.pretty_url == it.url} {it.first_line_format} {it.is_http11}"
    it.path_components = [*it.path_components, "a b/c"]
