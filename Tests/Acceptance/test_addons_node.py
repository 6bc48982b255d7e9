"""The library for addons in Node, and what was made with it."""

import json
import shutil
import subprocess

import pytest

from support.proxy import run_to_end
from support.features import EXAMPLES, Features

SDK = EXAMPLES / "node/sdk"
EVENTS = r"""
const addon = new weir.Addon("events", "1", { permissions: ["flow.get", "flow.kill"] });
const meta = (metadata) => ({ flow: { metadata } });

async function request(event) {
  const [, kind, rest] = weir.bytesOf(event.flow.request.path).toString("latin1").split("/");
  if (kind === "delay") {
    await sleep(Number(rest));
    return meta({ done: rest });
  }
  if (kind === "respond") return weir.respond(418, { "x-by": "worker" }, Buffer.from([0, 255]));
  if (kind === "kill") return weir.kill();
  if (kind === "boom") throw new Error("no such luck");
  if (kind === "unsendable") return meta({ a: 1n });
  if (kind === "half") return meta({ a: "\\\ud800" });
  if (kind === "copy") return meta({ number: 2 ** 53 - 1 });
  if (kind === "call") {
    const seen = await addon.call("flow.get", { id: event.flow.id, content: "none" });
    const error = await addon.call("flow.kill", { id: "nobody" }).catch((failure) => failure);
    addon.log("info", "called it from the worker");
    return meta({ called: seen.flow.request.path, refused: `${error.code} ${error.kind}` });
  }
  if (kind === "cancel") {
    addon.log("info", "it has begun");
    await sleep(60000, undefined, { signal: event.signal }).catch(() => addon.log("info", "it was cancelled"));
    console.assert(event.isCancelled);
  }
  if (kind === "hang") await sleep(60000);
}

addon.on("request", { timeout_ms: 5000 }, request);
addon.on("requestheaders", { filter: "~u /extend", timeout_ms: 300 }, async (event) => {
  event.extend(9000);
  await sleep(600);
  return meta({ extended: "1" });
});
addon.on("response", ({ flow }) => {
  const { headers } = flow.response;
  if (flow.request.path === "/headers") {
    const every = weir.headers.getAll(headers, "SET-COOKIE");
    const first = weir.headers.get(headers, "set-cookie");
    weir.headers.set(headers, "x-one", "new");
    weir.headers.remove(headers, "X-GONE");
    weir.headers.add(headers, "x-all", every.join("+"));
    weir.headers.add(headers, "x-first", first);
    weir.headers.set(headers, "x-new", "here");
    console.assert(weir.headers.get(headers, "x-none") === undefined);
  }
  for (const [name, value] of Object.entries(flow.metadata)) headers.push([`x-${name}`, String(value)]);
  if (flow.request.path === "/copy") {
    const raw = weir.bytesOf(weir.headers.get(headers, "x-raw"));
    headers.push(["x-raw-again", weir.valueOfBytes(raw)], ["x-text-again", weir.headers.get(headers, "x-text")]);
  }
  return { flow: { response: { headers } } };
});
addon.run();
"""
BODIES = """
const addon = new weir.Addon("bodies", "1", { permissions: ["body.read"] });
const upper = (data) => data.map((octet) => (octet >= 97 && octet <= 122 ? octet - 32 : octet));

addon.on("response", { content: "whole", filter: "! ~u /large" }, async (event) => ({ flow: { response: { content: upper(await event.body()) } } }));
addon.on("request", { content: "whole", timeout_ms: 20000 }, async (event) => ({ flow: { metadata: { size: (await event.body("request")).length } } }));
addon.on("responseheaders", ({ flow }) => ({ flow: { response: { headers: [...flow.response.headers, ["x-size", String(flow.metadata.size)]] } } }));
addon.run();
"""
SETTINGS = """
const addon = new weir.Addon("settings", "1.2", { permissions: ["metrics.add"] });
addon.option("most", "int", { default: 10, help: "What is most." });
addon.on("configure", async (event) => {
  if (event.params.options.most < 0) throw new weir.WeirError("at least 0");
});
addon.on("start", () => console.log("a print, started"));
addon.on("done", async () => console.log("done"));
addon.on("shutdown", () => console.log("all is freed"));
addon.on("response", async ({ flow }) => {
  if (flow.request.path === "/slow") {
    addon.log("info", "it is slow");
    await sleep(500);
  }
  return { flow: { response: { headers: [...flow.response.headers, ["x-most", String(addon.options.most)]] } } };
});
addon.command("double", { help: "Doubles a number.", arguments: "n: int" }, ({ params: { args: { n } } }) => {
  if (n === undefined) throw new Error("n is missing");
  addon.metrics("doubled", 2, { of: String(n) });
  return { doubled: 2 * n };
});
addon.command("nothing", () => {});
addon.run();
"""
STREAMS = """
const { Transform } = require("node:stream");
const addon = new weir.Addon("streams");
const upper = (data) => {
  for (let place = 0; place < data.length; place += 1) if (data[place] >= 97 && data[place] <= 122) data[place] -= 32;
  return data;
};

addon.on("requestheaders", { content: "stream", filter: "~u /up$" }, async function* (event, body) {
  for await (const piece of body) yield piece;
});
addon.on("request", { content: "stream", filter: "~u /up$" }, (event) => {
  event.stream((body) => shout(body, "/up"));
  if (event.flow.request.path.startsWith("/answered")) return weir.respond(403, { "x-by": "worker" }, "none");
});

async function* shout(body, path) {
  try {
    for await (const piece of body) {
      yield upper(piece);
      if (path === "/detach" && !body.detached) {
        body.detach();
        path = "/detached";
      }
      if (path === "/fail") throw new Error("the disk is full");
    }
  } catch (failure) {
    if (failure instanceof weir.Reset) addon.log("info", "the stream was reset");
    throw failure;
  }
  if (path === "/trailers") body.trailers = [...body.trailers, ["x-more", "2"]];
}

async function* early(body) {
  for await (const piece of body) return yield "early";
}

addon.on("response", { content: "stream", decode: true, filter: "! ~u /up$" }, (event) => {
  const { path } = event.flow.request;
  if (path === "/upper") return event.stream(new Transform({ transform: (piece, _, done) => done(null, upper(piece)) }));
  event.stream(path === "/early" ? early : (body) => shout(body, path));
  if (path === "/refused") return weir.respond(451, [], "no");
});
addon.run();
"""
PREVIEWS = """
const addon = new weir.Addon("previews");
addon.on("response", { content: { preview: 6 } }, (event) => {
  const { content } = event.flow.response;
  if (typeof content === "string") return { flow: { response: { content: [...content].reverse().join("") } } };
  if (content.preview === "stream") {
    event.stream(async function* (body) {
      for await (const piece of body) yield piece.toString().toUpperCase();
    });
  }
  return content.preview === "whole " ? { more: "whole" } : undefined;
});
addon.run();
"""


class TestNode(Features):
    language, suffix, interpreter = "node", ".js", shutil.which("node")
    head = "const weir = require('SDK');\nconst { setTimeout: sleep } = require('node:timers/promises');\n"
    workers = {"events": EVENTS, "bodies": BODIES, "settings": SETTINGS, "streams": STREAMS, "previews": PREVIEWS}

    def test_a_body_beyond_a_line_is_read_by_calls(self, start, origin):
        server = origin()
        seen = start("bodies", "--set", "addon_permissions=all").get(server.url("/large"), method="POST", body=b"\xff" * (14 << 20))
        assert seen.one("x-size") == str(14 << 20).encode() and len(server.received[0].body) == 14 << 20


def test_it_is_a_module_too_and_its_types_name_what_it_has(tmp_path):
    """Both module systems see the same names, and index.d.ts declares them."""
    program = f"import * as weir from {json.dumps(str(SDK / 'index.js'))}; console.log(Object.keys(weir).filter((name) => name !== 'default' && name !== 'module.exports').sort().join())"
    imported = subprocess.run(["node", "--input-type=module", "-e", program], capture_output=True, text=True, check=True).stdout.strip()
    required = subprocess.run(["node", "-p", f"Object.keys(require({json.dumps(str(SDK))})).sort().join()"], capture_output=True, text=True, check=True).stdout.strip()
    assert imported == required
    types = (SDK / "index.d.ts").read_text()
    for name in required.split(","):
        assert any(f"export {kind} {name}" in types for kind in ("class", "function", "const")), name


def test_it_is_found_by_its_name_where_it_is_installed(tmp_path):
    """`npm install FOLDER` makes this link."""
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/weir").symlink_to(SDK)
    for program in ("new (require('weir').Addon)('x')", "import('weir').then(({ Addon }) => new Addon('x'))"):
        subprocess.run(["node", "-e", program], cwd=tmp_path, check=True, timeout=10)
    assert set(json.loads((SDK / "package.json").read_text())["files"]) | {"README.md", "package.json"} == {file.name for file in SDK.iterdir()}


# The mock


@pytest.fixture(scope="module")
def mocked(module_weir):
    proxy = module_weir(addons=[str(EXAMPLES / "node/mock/mock.js")], level=None)

    def ask(path, *headers, method="GET", host="pets.example"):
        seen = proxy.get(f"http://{host}{path}", *headers, method=method)
        kind = seen.one("content-type") or b""
        return seen.status, json.loads(seen.body) if b"json" in kind else seen.body

    return ask


PET = {"id": 0, "name": "Tom", "born": "2000-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "path, headers, method, wanted",
    [
        ("/v1/pets/7", [], "GET", (200, {"id": 7, "name": "Tom"})),
        ("/v1/pets/7?verbose=1", ["Prefer: example=dog"], "GET", (200, {"id": 8, "name": "Rex"})),
        ("/v1/pets/7", ["Prefer: code=404"], "GET", (404, {"error": "no such pet"})),
        ("/v1/pets/newest", [], "GET", (200, {"id": 99, "name": "Newest"})),
        ("/v1/pets/7", [], "DELETE", (204, b"")),
        ("/v1/pets/7/photo", [], "GET", (200, b"=^.^=")),
        ("/v1/pets/7", ["Prefer: code=500"], "GET", (501, {"status": 501, "detail": "the description has no response 500 here"})),
        ("/v1/pets/7", [], "PUT", (405, {"status": 405, "detail": "the description has no PUT here"})),
        ("/v1/cats", [], "GET", (404, {"status": 404, "detail": "the description has no path /v1/cats"})),
        ("/pets", [], "GET", (404, {"status": 404, "detail": "the description has no path /pets"})),
        ("/v1/pets/7/photo/large", [], "GET", (404, {"status": 404, "detail": "the description has no path /v1/pets/7/photo/large"})),
    ],
)
def test_the_mock_answers_as_the_description_says(mocked, path, headers, method, wanted):
    assert mocked(path, *headers, method=method) == wanted


def test_the_mock_makes_values_from_schemas_that_refer_to_themselves(mocked):
    status, made = mocked("/v1/pets", method="POST")
    assert status == 201 and PET.items() <= made.items() and PET.items() <= made["mother"].items()
    status, made = mocked("/v1/pets")
    assert status == 200 and PET.items() <= made[0].items()


def test_the_mock_leaves_other_servers_alone_and_names_a_bad_description(weir, origin, tmp_path):
    server = origin()
    (tmp_path / "spec.json").write_text(json.dumps({"servers": [{"url": "http://other.example/"}], "paths": {"/x": {"get": {"responses": {"default": {"description": "y"}}}}}}))
    mock = str(EXAMPLES / "node/mock/mock.js")
    proxy = weir("--set", f"mock_spec={tmp_path}/spec.json", addons=[mock])
    assert proxy.get(server.url("/x")).body == b"ok"
    assert proxy.get("http://other.example/x").status == 200
    (tmp_path / "spec.json").write_text("{")
    done = run_to_end("--listen-host", "127.0.0.1", "-p", "0", "--set", "addon_level=trusted", "--set", f"mock_spec={tmp_path}/spec.json", "--addon", mock)
    assert done.returncode == 1 and "mock_spec" in done.stderr and "JSON" in done.stderr, done.stderr
