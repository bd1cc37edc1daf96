/** Requests that no honest client sends, made out of what an API's document says of its operations. */
import fc from "fast-check";
import type { ApiOperation } from "../support/api-document.ts";
import type { WireRequest } from "../support/raw-http.ts";

const { LUNA_FUZZ_RUNS, LUNA_FUZZ_SEED } = Bun.env;

/** `LUNA_FUZZ_RUNS=2000 bun test tests/security/fuzz.test.ts` looks longer, from another place each time. */
export function fuzzRuns(usual: { runs: number; seed: number }): { runs: number; seed: number } {
  const isLonger = LUNA_FUZZ_RUNS !== undefined;
  return {
    runs: Number(LUNA_FUZZ_RUNS ?? usual.runs),
    seed: Number(LUNA_FUZZ_SEED ?? (isLonger ? Date.now() % 2 ** 31 : usual.seed)),
  };
}

type Json = Record<string, unknown>;

/** Names and values that have meant something to some program. */
const ODD_TEXTS: readonly string[] = [
  ..."__proto__ constructor prototype toString hasOwnProperty .. . ../../etc/passwd".split(" "),
  ..."NaN -1 0 1e999 99999999999999999999 true null undefined [] {} ' \" ` ; | & $ * ?".split(" "),
  ..."$(id) `id` $HOME {env.AGENT_API_KEY} {{7*7}} <script> --help -rf %s%n".split(" "),
  ..."\u0000 a\u0000b \ud800 \u202e \ufeff é 日本 \u{1f319} a\nb a\r\nX:y".split(" "),
  "",
  " ",
  "x".repeat(5_000),
];

/** The same in a path or a query, with encodings that decode to nothing good. */
const ODD_SEGMENTS: readonly string[] = [
  ...ODD_TEXTS.map((text) => encodeURIComponent(text.toWellFormed())),
  ..."%00 %ff%fe %c0%ae%c0%ae %zz % %2e%2e %2f %252e%252e%252f %0d%0aX:y a;b a=b a%5cb".split(" "),
];

/** Values that parsers and validators have stumbled over, as JSON text. */
const ODD_JSON: readonly string[] = [
  ...'{} [] null true 0 -0 1e400 -1e400 1e-400 0.1 9007199254740993 "" [[]] {"":0}'.split(" "),
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"name":"a","name":"b","__proto__":null}',
  '{"lc":1,"type":"secret","id":["AGENT_API_KEY"]}',
  '{"toString":1,"valueOf":1,"toJSON":1,"then":1,"length":-1}',
  '"\\ud800"',
  '"\\u0000"',
];

const DEEP = 20_000;
const LARGE = 300_000;
/** Bodies that are no JSON, or more of it than anybody wants. */
export const BROKEN_BODIES: readonly (string | Uint8Array)[] = [
  "",
  " ",
  "{",
  "}",
  '{"a":',
  '{"a":1,}',
  "{'a':1}",
  "\ufeff{}",
  "NaN",
  "[1,2",
  "\u0000",
  '{"a":"\u0000"}',
  "[".repeat(DEEP),
  `${"[".repeat(DEEP)}${"]".repeat(DEEP)}`,
  `${'{"a":'.repeat(DEEP)}1${"}".repeat(DEEP)}`,
  JSON.stringify({ a: "x".repeat(LARGE) }),
  JSON.stringify(Array.from({ length: 20_000 }, () => 0)),
  JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`k${at}`, at]))),
  new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]),
  new Uint8Array([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
  new Uint8Array([0x80, 0x81, 0x82]),
];

const CONTENT_TYPES: readonly string[] = [
  ...["text/plain", "text/html", "application/x-www-form-urlencoded", "application/xml"],
  ...["multipart/form-data", "multipart/form-data; boundary=x", "application/octet-stream"],
  ...[
    "application/json; charset=utf-16",
    "application/json;;;",
    "application/ld+json",
    "json",
    ";",
  ],
  ...["application/json, text/plain", "APPLICATION/JSON", "\xff", ""],
];

/** Methods that HTTP servers do not know. */
export const NO_METHODS: readonly string[] = ["FOO", "get", "GET\t"];
const METHODS = [
  ..."GET HEAD POST PUT PATCH DELETE OPTIONS TRACE PROPFIND".split(" "),
  ...NO_METHODS,
];

/** Headers that some layer reads. */
const ODD_HEADERS: readonly (readonly [string, string])[] = [
  ["X-Luna-Memory", "\xff\x00\x01"],
  ["X-Luna-Memory", "m".repeat(4_000)],
  ["X-Luna-Trace", "1"],
  ["X-Luna-Trace", "__proto__"],
  ["X-Luna-Identity", "a.b"],
  ["X-Luna-Identity", `${btoa("{}")}.${btoa("x")}`],
  ["X-Forwarded-For", "'; drop table sessions; --"],
  ["X-Forwarded-Host", "x/?"],
  ["X-Forwarded-Proto", "javascript"],
  ["Cookie", "luna_session=a; luna_session=b; __Host-luna_session=%ff"],
  ["Cookie", ";;;=;\xff"],
  ["Accept", "*/*;q=nonsense,,,"],
  ["Accept-Encoding", "br;q=0,gzip;q=x,*"],
  ["Range", "bytes=-1,0-,x"],
  ["If-None-Match", 'W/"x", *, "'],
  ["Mcp-Session-Id", "../x"],
  ["Mcp-Protocol-Version", "0000-00-00"],
  ["Last-Event-ID", "x"],
  ["Content-Type", "application/json"],
  ["Content-Encoding", "gzip"],
  ["Expect", "nothing"],
  ["Upgrade", "h2c"],
  ["Origin", "http://[::1"],
  ["Sec-Fetch-Site", "elsewhere"],
  ["Authorization", "Bearer a"],
];

const oddText = fc.constantFrom(...ODD_TEXTS);
const oddJson = fc.oneof(fc.constantFrom(...ODD_JSON), fc.json({ maxDepth: 3 }));

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const schemasIn = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** Values that fit a JSON Schema but for its finer conditions. */
function fitting(schema: Json): fc.Arbitrary<unknown> {
  if ("const" in schema) return fc.constant(schema["const"]);
  if (Array.isArray(schema["enum"])) return fc.constantFrom(...schema["enum"]);
  const choices = schemasIn(schema["anyOf"] ?? schema["oneOf"]);
  if (choices.length > 0) return fc.oneof(...choices.map(fitting));
  switch (schema["type"]) {
    case "object": {
      const properties = isObject(schema["properties"]) ? schema["properties"] : {};
      const required = Array.isArray(schema["required"]) ? schema["required"] : [];
      const model = Object.entries(properties).flatMap(([name, one]) =>
        isObject(one) ? [[name, fitting(one)] as const] : [],
      );
      return fc.record(Object.fromEntries(model), { requiredKeys: required });
    }
    case "array":
      return fc.array(isObject(schema["items"]) ? fitting(schema["items"]) : fc.jsonValue(), {
        maxLength: 4,
      });
    case "string": {
      const { pattern } = schema;
      const name = typeof pattern === "string" ? new RegExp(pattern) : /^[a-z][a-z0-9]{0,8}$/;
      return fc.oneof(fc.stringMatching(name), fc.stringMatching(/^[A-Z][A-Z0-9_]{0,8}$/), oddText);
    }
    case "integer":
      return fc.oneof(fc.integer({ min: -2, max: 10 }), fc.maxSafeInteger());
    case "number":
      return fc.double({ noNaN: true });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

/** A fitting object with one of its keys gone, or of another type, or with one key too many. */
function almost(schema: Json): fc.Arbitrary<string> {
  const part = fc.record({ value: fitting(schema), json: oddJson, key: oddText, at: fc.nat() });
  return part.map(({ value, json, key, at }) => {
    if (!isObject(value)) return json;
    const keys = Object.keys(value);
    const target = at % 3 === 0 ? key : (keys[at % Math.max(1, keys.length)] ?? key);
    const { [target]: _gone, ...rest } = value;
    const text = JSON.stringify(rest);
    if (at % 5 === 0) return text;
    const more = `${JSON.stringify(target)}:${json}`;
    return text === "{}" ? `{${more}}` : `${text.slice(0, -1)},${more}}`;
  });
}

/** What is to fit a JSON Schema: does so, nearly does, is any other JSON, or none. */
export function contentsFor(schema: Json): fc.Arbitrary<string | Uint8Array> {
  return fc.oneof(
    { weight: 3, arbitrary: fitting(schema).map((value) => JSON.stringify(value) ?? "") },
    { weight: 4, arbitrary: almost(schema) },
    { weight: 2, arbitrary: oddJson },
    { weight: 2, arbitrary: fc.constantFrom(...BROKEN_BODIES) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  );
}

type Headers = readonly (readonly [string, string])[];

function bodies(
  operation: ApiOperation,
): fc.Arbitrary<{ type: string; body: string | Uint8Array }> {
  const schema = operation.requestBody?.content["application/json"]?.schema ?? { type: "object" };
  const type = fc.oneof(
    { weight: 6, arbitrary: fc.constant("application/json") },
    { weight: 1, arbitrary: fc.constantFrom(...CONTENT_TYPES) },
  );
  return fc.record({ type, body: contentsFor(schema) });
}

function targets(
  { path, parameters }: ApiOperation,
  names: readonly string[],
): fc.Arbitrary<string> {
  const segment = fc.oneof(
    fc.constantFrom("none", ...names),
    fc.constantFrom(...ODD_SEGMENTS),
    fc.string().map((text) => encodeURIComponent(text.toWellFormed())),
  );
  const queried = parameters.filter((one) => one.in === "query");
  const known = fc.constantFrom("x", ...queried.map(({ name }) => name));
  const pair = fc.tuple(
    fc.oneof({ weight: 4, arbitrary: known }, { weight: 1, arbitrary: segment }),
    fc.oneof(
      segment,
      ...queried.map(({ schema }) =>
        fitting(schema).map((value) => encodeURIComponent(String(value).toWellFormed())),
      ),
    ),
  );
  const filled = fc.array(segment, { minLength: 4, maxLength: 4 }).map((segments) => {
    let at = 0;
    return path.replace(/\{\w+\}/g, () => segments[at++ % segments.length] ?? "none");
  });
  const query = fc.array(pair, { maxLength: queried.length > 0 ? 4 : 1 });
  return fc.tuple(filled, query).map(([place, pairs]) => {
    if (pairs.length === 0) return place;
    return `${place}?${pairs.map(([name, value]) => `${name}=${value}`).join("&")}`;
  });
}

export interface FuzzOptions {
  /** What opens the operation. */
  right: Headers;
  /** Names of things that are there and may be tried, for the path. */
  names: readonly string[];
  /** Whether the right credential may be sent at all. */
  isHarmless: boolean;
}

/** Requests for one operation: mostly with its method and the right credential, so that they get past the guards. */
export function requestsFor(
  operation: ApiOperation,
  { right, names, isHarmless }: FuzzOptions,
): fc.Arbitrary<WireRequest> {
  const method = fc.oneof(
    { weight: 8, arbitrary: fc.constant(operation.method) },
    { weight: 1, arbitrary: fc.constantFrom(...METHODS) },
  );
  const wrong = fc.constantFrom<Headers[]>([], [["Authorization", "Bearer \xff\x27--"]]);
  const credential = isHarmless
    ? fc.oneof({ weight: 6, arbitrary: fc.constant(right) }, { weight: 1, arbitrary: wrong })
    : wrong;
  const headers = fc.array(fc.constantFrom(...ODD_HEADERS), { maxLength: 3 });
  const parts = {
    method,
    target: targets(operation, names),
    content: bodies(operation),
    credential,
    headers,
  };
  return fc.record(parts).map((request) => {
    const { type, body } = request.content;
    const isBodied =
      operation.requestBody !== undefined || !["GET", "HEAD"].includes(request.method);
    return {
      method: request.method,
      target: request.target,
      headers: [
        ...request.credential,
        ...request.headers,
        ...(isBodied && type !== "" ? [["Content-Type", type] as const] : []),
      ],
      ...(isBodied ? { body } : {}),
    };
  });
}
