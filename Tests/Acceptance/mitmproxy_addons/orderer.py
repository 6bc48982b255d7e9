"""Calls the commands of another addon, and some that there are without it."""

from mitmproxy import ctx, exceptions, http


def request(flow: http.HTTPFlow) -> None:
    if not flow.request.path.startswith("/orders"):
        return
    call = ctx.master.commands.call
    match flow.request.path:
        case "/orders/count":
            found = [call("orders.count", 2), call("orders.count", 3), ctx.master.commands.execute("orders.count 4")]
        case "/orders/words":
            found = [list(call("orders.words", "a", True, "b", "c")), list(ctx.master.commands.execute("orders.words 'a b' false"))]
        case "/orders/tag":
            call("orders.tag", [flow], "red")
            found = [flow.request.headers["x-tagged"], flow.comment]
        case "/orders/write":
            call("orders.write", [flow], flow.request.headers["x-file"])
            found = ["written"]
        case "/orders/unknown":
            try:
                call("orders.unknown")
                found = ["known"]
            except exceptions.CommandError as error:
                found = [str(error)]
        case _:
            return
    flow.response = http.Response.make(200, f"{found}")
