#!/usr/bin/env node
// Answers from an OpenAPI description (JSON) in the place of the servers that it names: examples, or values made from the schemas.
// `Prefer: code=404` and `Prefer: example=NAME` choose among answers. Other paths are answered with 404, other methods with 405.
// Run: weir --addon addon-examples/node/mock/mock.js --set mock_spec=addon-examples/node/mock/pets.json
//      curl -x localhost:8080 http://pets.example/v1/pets/7
const fs = require("node:fs");
const path = require("node:path");
const { Addon, WeirError, bytesOf, headers, respond } = require("../sdk");

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
let spec = {};
let routes = [];
let places = [];

const addon = new Addon("mock", "1.0");
addon.option("mock_spec", "str", { default: path.join(__dirname, "pets.json"), help: "File of an OpenAPI description, as JSON." });

// `{"$ref": "#/components/…"}` stands for what is there. A description may refer to itself; `depth` ends that.
function resolved(value, depth = 0) {
  if (typeof value?.$ref !== "string" || depth > 20) return value;
  const names = value.$ref.replace(/^#\//, "").split("/").map((name) => decodeURIComponent(name).replace(/~1/g, "/").replace(/~0/g, "~"));
  return resolved(names.reduce((place, name) => place?.[name], spec), depth + 1);
}

function load(file) {
  spec = JSON.parse(fs.readFileSync(file, "utf8"));
  places = (spec.servers ?? [{ url: "/" }]).map(({ url }) => new URL(url, "http://any/"));
  routes = Object.entries(spec.paths ?? {}).map(([template, operations]) => {
    const pattern = template.split(/\{[^}]*\}/).map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return { pattern: new RegExp(`^${pattern.join("([^/]+)")}$`), operations: resolved(operations), parameters: pattern.length - 1 };
  });
  routes.sort((one, other) => one.parameters - other.parameters); // Concrete paths come first.
}

function made(schema, depth = 0) {
  const { type, example, examples, default: usual, enum: values, allOf, oneOf, anyOf, properties, items, format } = resolved(schema) ?? {};
  const given = example ?? examples?.[0] ?? usual ?? values?.[0];
  if (given !== undefined || depth > 8) return given ?? null;
  if (allOf) return Object.assign({}, ...allOf.map((part) => made(part, depth + 1)));
  if (oneOf ?? anyOf) return made((oneOf ?? anyOf)[0], depth + 1);
  const kind = Array.isArray(type) ? type.find((name) => name !== "null") : type;
  if (properties || kind === "object") return Object.fromEntries(Object.entries(properties ?? {}).map(([name, part]) => [name, made(part, depth + 1)]));
  if (kind === "array") return [made(items, depth + 1)];
  return { integer: 0, number: 0, boolean: true, string: format === "date-time" ? "2000-01-01T00:00:00Z" : "string" }[kind] ?? null;
}

const text = (value) => bytesOf(value).toString("latin1"); // Octets that are no UTF-8 come as Base64.
const problem = (status, detail, more = []) =>
  respond(status, [["content-type", "application/problem+json"], ...more], JSON.stringify({ status, detail }));

function answer(operation, wishes) {
  const codes = Object.keys(operation.responses ?? {});
  const code = wishes.code ?? codes.find((one) => one.startsWith("2")) ?? codes[0];
  const response = resolved(operation.responses?.[code] ?? operation.responses?.[`${code?.[0]}XX`] ?? operation.responses?.default);
  const status = Number(code?.replace(/XX$/, "00"));
  if (!response) return problem(501, `the description has no response ${code ?? "at all"} here`);
  const [type, media] = Object.entries(response.content ?? {}).find(([name]) => name.includes("json")) ?? Object.entries(response.content ?? {})[0] ?? [];
  if (!media) return respond(status || 200);
  const examples = media.examples ?? {};
  const value = media.example ?? resolved(examples[wishes.example] ?? Object.values(examples)[0])?.value ?? made(media.schema);
  return respond(status || 200, [["content-type", type]], type.includes("json") || typeof value !== "string" ? JSON.stringify(value) : value);
}

addon.on("configure", ({ params }) => {
  const file = params.options.mock_spec;
  if (!params.updated.includes("mock_spec")) return;
  try {
    load(file);
  } catch (failure) {
    throw new WeirError(`mock_spec: ${file}: ${failure.message}`);
  }
});

addon.on("request", { fields: ["flow.request.method", "flow.request.host", "flow.request.path", "flow.request.headers"] }, ({ flow: { request } }) => {
  const [target] = text(request.path).split("?");
  const method = text(request.method);
  const here = places.filter(({ hostname }) => hostname === "any" || hostname === request.host);
  if (here.length === 0) return {}; // Not one of the description's servers.
  const bases = here.map(({ pathname }) => pathname.replace(/\/$/, ""));
  const paths = bases.filter((base) => target.startsWith(`${base}/`)).map((base) => target.slice(base.length));
  const route = routes.find(({ pattern }) => paths.some((one) => pattern.test(one)));
  if (!route) return problem(404, `the description has no path ${target}`);
  const operation = route.operations[method.toLowerCase()];
  const allowed = METHODS.filter((method) => route.operations[method]).map((method) => method.toUpperCase());
  if (!operation) return problem(405, `the description has no ${method} here`, [["allow", allowed.join(", ")]]);
  const wishes = headers.getAll(request.headers, "prefer").flatMap((value) => text(value).split(/[,;]/)).map((wish) => wish.trim().split("="));
  return answer(operation, Object.fromEntries(wishes));
});

addon.run();
