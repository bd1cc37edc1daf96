/** The host of Python tools on every Python of this machine: types of all kinds, described and made to fit. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvironment } from "../../src/config/environment.ts";
import { ToolHostSettings } from "../../src/contract/config.ts";
import type { ForeignFile } from "../../src/extensions/foreign-files.ts";
import { findPython } from "../../src/python/find-python.ts";
import { layOutPythonLibrary } from "../../src/python/library.ts";
import { PythonHost } from "../../src/services/tool-host/python-host.ts";

setDefaultTimeout(60_000);

const SYSTEM = "/usr/bin/python3";
const SOURCE = `
import collections, dataclasses, datetime, decimal, enum, functools, pathlib, typing, uuid
from typing import Any, Dict, FrozenSet, List, Literal, NewType, Optional, Set, Tuple, TypedDict, Union

UserId = NewType("UserId", int)

class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"

class Point(TypedDict, total=False):
    x: int
    y: Optional[float]

@dataclasses.dataclass
class Line:
    start: Point
    end: Point
    label: str = "none"

@dataclasses.dataclass
class Node:
    name: str
    next: "Optional[Node]" = None

Pair = collections.namedtuple("Pair", "a b")

def told(value):
    return [type(value).__name__, value]

def plain(a: int, b: float, c: bool, d: str, e: Any, f: "int" = 3, g: UserId = 1): return [told(one) for one in (a, b, c, d, e, f, g)]
def lists(a: List[int], b: list, c: Set[str], d: Tuple[int, str], e: Tuple[int, ...], f: Dict[str, List[int]], g: FrozenSet[int]):
    return [told(a), told(b), [type(c).__name__, sorted(c)], told(d), told(e), told(f), type(g).__name__]
def choices(a: Literal["x", 2], b: Color, c: Union[int, str], d: Optional[Dict[str, int]] = None, e: Union[int, List[int], None] = None):
    return [told(a), [type(b).__name__, b.value], told(c), told(d), told(e)]
def records(a: Point, b: Line, c: Node): return [told(a), type(b).__name__, told(b.start), b.label, type(c.next).__name__]
def times(a: datetime.datetime, b: datetime.date, c: uuid.UUID, d: decimal.Decimal, e: pathlib.Path, f: bytes):
    return [a.isoformat(), type(b).__name__, type(c).__name__, str(d + 1), e.name, len(f)]
def positional(a: int, /, b: int, *rest, c: int = 5, **more: int): return [a, b, c, more]
def unresolved(a: "Nowhere", b: "List[Nowhere]" = None): return [a, b]
def annotated(a: "typing.Annotated[int, 'how many']" = 1): return a
def optional_default(a: int = None): return a

class Callable:
    """An object that is called."""
    __name__ = "instance"
    def __call__(self, a: int): return a + 1

@functools.lru_cache()
def cached(a: int) -> int:
    "Decorated."
    return a * 2

partial = functools.partial(plain, 1)
TOOLS = [plain, lists, choices, records, times, positional, unresolved, annotated, optional_default, Callable(), cached, partial, 42, lambda: 1]
async def SYSTEM_PROMPT(): return "asked for"
`;
const PYDANTIC = `
from typing import List, Optional
from pydantic import BaseModel, Field

class Item(BaseModel):
    name: str = Field(..., description="What it is called")
    count: int = Field(1, ge=1)

class Order(BaseModel):
    items: List[Item]
    note: Optional[str] = None

def order(order: Order, more: Optional[List[Item]] = None, limit: int = Field(10, description="At most")):
    return {"items": [[type(one).__name__, one.name, one.count] for one in order.items], "more": more, "limit": limit}
def answers(name: str): return Item(name=name)
TOOLS = [order, answers]
`;

function pythons(): string[] {
  const versions = join(homedir(), ".pyenv/versions");
  const others = existsSync(versions) ? readdirSync(versions) : [];
  return [SYSTEM, ...others.map((version) => join(versions, version, "bin/python3"))];
}

let folder: string;
let library: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "luna-python-"));
  library = await layOutPythonLibrary(join(folder, "library"));
  writeFileSync(join(folder, "types_tools.py"), SOURCE);
  writeFileSync(join(folder, "pydantic_tools.py"), PYDANTIC);
});
afterAll(() => rmSync(folder, { recursive: true }));

function host(program: string): PythonHost {
  return new PythonHost({
    cwd: folder,
    python: async () => ({
      program,
      script: join(library, "luna_tool_host.py"),
      env: { PYTHONDONTWRITEBYTECODE: "1", PYTHONUTF8: "1", PATH: "/usr/bin:/bin" },
    }),
    settings: async () => ToolHostSettings.parse({}),
    log: { debug() {}, info() {}, warn() {}, error() {} },
  });
}
const never = new AbortController().signal;

/** What the versions that Luna supports agree on. */
async function check(python: PythonHost): Promise<void> {
  const [file] = await python.load(folder, ["types_tools.py"]);
  expect(file?.system_prompt).toBe("asked for");
  expect(file?.problems).toEqual([{ tool: "int", text: "is no function" }]);
  const schemas = new Map(file?.tools.map(({ name, input_schema }) => [name, input_schema]));
  expect([...schemas.keys()]).toEqual([
    ...["plain", "lists", "choices", "records", "times", "positional", "unresolved", "annotated"],
    ...["optional_default", "instance", "cached", "<lambda>"],
  ]);
  expect(schemas.get("choices")?.["properties"]).toEqual({
    a: { enum: ["x", 2] },
    b: { type: "string", enum: ["red", "blue"] },
    c: { anyOf: [{ type: "integer" }, { type: "string" }] },
    d: {
      anyOf: [{ type: "object", additionalProperties: { type: "integer" } }, { type: "null" }],
    },
    e: {
      anyOf: [{ type: "integer" }, { type: "array", items: { type: "integer" } }, { type: "null" }],
    },
  });
  expect(schemas.get("records")?.["properties"]).toMatchObject({
    a: { type: "object", properties: { x: { type: "integer" } } },
    b: { required: ["start", "end"], properties: { label: { type: "string" } } },
  });
  expect(schemas.get("positional")).toMatchObject({ required: ["a", "b"] });
  expect(schemas.get("annotated")?.["properties"]).toEqual({
    a: { type: "integer", description: "how many", default: 1 },
  });
  expect(schemas.get("unresolved")).toMatchObject({ required: ["a"] });

  const call = (name: string, args: Record<string, unknown>) => python.call(name, args, never);
  expect(await call("plain", { a: "1", b: 2, c: "yes", d: "x", e: [1], f: 4.0 })).toEqual([
    ["int", 1],
    ["float", 2],
    ["bool", true],
    ["str", "x"],
    ["list", [1]],
    ["int", 4],
    ["int", 1],
  ]);
  const lists = {
    a: ["1", 2],
    b: [1],
    c: ["b", "a"],
    d: ["1", "x"],
    e: [1],
    f: { k: ["3"] },
    g: [1],
  };
  expect(await call("lists", lists)).toEqual([
    ["list", [1, 2]],
    ["list", [1]],
    ["set", ["a", "b"]],
    ["tuple", [1, "x"]],
    ["tuple", [1]],
    ["dict", { k: [3] }],
    "frozenset",
  ]);
  expect(await call("choices", { a: "2", b: "red", c: "5", d: { n: 1 }, e: ["1"] })).toEqual([
    ["int", 2],
    ["Color", "red"],
    ["str", "5"],
    ["dict", { n: 1 }],
    ["list", [1]],
  ]);
  const point = { x: "1" };
  const records = { a: point, b: { start: point, end: {} }, c: { name: "n", next: { name: "m" } } };
  expect(await call("records", records)).toEqual([
    ["dict", { x: 1 }],
    "Line",
    ["dict", { x: 1 }],
    "none",
    "Node",
  ]);
  const uuid = "12345678123456781234567812345678";
  const times = {
    a: "2026-11-26T05:00:00Z",
    b: "2026-11-26",
    c: uuid,
    d: "1.5",
    e: "/a/b",
    f: "é",
  };
  expect(await call("times", times)).toEqual([
    "2026-11-26T05:00:00+00:00",
    "date",
    "UUID",
    "2.5",
    "b",
    2,
  ]);
  expect(await call("positional", { a: 1, b: 2, z: 3 })).toEqual([1, 2, 5, { z: 3 }]);
  expect(await call("instance", { a: 1 })).toBe(2);
  expect(await call("cached", { a: 4 })).toBe(8);
  expect(await call("optional_default", { a: null })).toBe(null);
  await expect(call("plain", { a: 1.5, b: "x", c: "maybe", d: 4 })).rejects.toThrow(
    [
      "its arguments are not right:",
      "a: should be a whole number, not 1.5",
      'b: should be a number, not "x"',
      'c: should be true or false, not "maybe"',
      "d: should be a text, not 4",
      "e: is missing",
    ].join("\n"),
  );
  await expect(call("lists", { ...lists, f: { k: ["x"] } })).rejects.toThrow(
    'f: k: [0]: should be a whole number, not "x"',
  );
}

describe.each(pythons())("%s", (program) => {
  test("runs tools, or is refused for what it is", async () => {
    const environment = readEnvironment({
      LUNA_HOME: folder,
      LUNA_PYTHON: program,
      PATH: "/usr/bin:/bin",
    });
    const found = await findPython(environment);
    const python = host(program);
    try {
      if ("python" in found) await check(python);
      else {
        expect(found.problem).toContain("install Python 3.9 or newer");
        const [file] = await python.load(folder, ["types_tools.py"]);
        // The oldest cannot even say why.
        expect(file?.problems[0]?.text).toMatch(
          /Python 3\.9 or newer is needed|ends its process|Cannot start/,
        );
      }
    } finally {
      python.kill();
    }
  });
});

test("models of pydantic are described and made, where it is installed", async () => {
  const python = host(SYSTEM);
  try {
    const [file]: readonly ForeignFile[] = await python.load(folder, ["pydantic_tools.py"]);
    expect(file?.problems).toEqual([]);
    const schema = file?.tools[0]?.input_schema;
    expect(schema).toMatchObject({
      required: ["order"],
      properties: {
        order: { properties: { items: { type: "array", items: { $ref: "#/$defs/Item" } } } },
        limit: { type: "integer", default: 10, description: "At most" },
      },
      $defs: { Item: { required: ["name"], properties: { count: { minimum: 1 } } } },
    });
    const call = (name: string, args: Record<string, unknown>) => python.call(name, args, never);
    const order = { items: [{ name: "tea", count: "2" }] };
    expect(await call("order", { order, more: [{ name: "milk" }] })).toEqual({
      items: [["Item", "tea", 2]],
      more: [{ name: "milk", count: 1 }],
      limit: 10,
    });
    expect(await call("answers", { name: "tea" })).toEqual({ name: "tea", count: 1 });
    await expect(call("order", { order: { items: [{ count: 0 }] } })).rejects.toThrow(
      /order: 2 validation errors/,
    );
  } finally {
    python.kill();
  }
});
