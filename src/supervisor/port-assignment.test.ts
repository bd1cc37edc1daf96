/** Tests of the assignment of ports. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { assignPort, releasePorts } from "./port-assignment.ts";

const range = { first: 5200, last: 5203 };
const free = () => true;

test("the lowest port that is neither assigned nor taken", () => {
  expect(assignPort("a", { assigned: {}, range, isFree: free })).toBe(5200);
  expect(assignPort("b", { assigned: { a: 5200 }, range, isFree: free })).toBe(5201);
  expect(assignPort("b", { assigned: { a: 5200 }, range, isFree: (port) => port > 5202 })).toBe(
    5203,
  );
});

test("an owner keeps its port, also while somebody holds it", () => {
  expect(assignPort("a", { assigned: { a: 5202 }, range, isFree: () => false })).toBe(5202);
});

test("null is no port", () => {
  expect(assignPort("a", { assigned: { a: null, b: null }, range, isFree: free })).toBe(5200);
});

test("a range that is used up is a clear error", () => {
  const assigned = { a: 5200, b: 5201, c: 5202, d: 5203 };
  expect(() => assignPort("e", { assigned, range, isFree: free })).toThrow(/5200 to 5203/);
});

test("a port is never given twice, and is given again after its release", () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 30 });
  fc.assert(
    fc.property(names, fc.func(fc.boolean()), (all, keeps) => {
      const wide = { first: 5300, last: 5399 };
      let assigned: Record<string, number | null> = {};
      const give = (name: string) => {
        const port = assignPort(name, { assigned, range: wide, isFree: free });
        assigned = { ...assigned, [name]: port };
      };
      all.forEach(give);
      assigned = releasePorts(assigned, (name) => keeps(name));
      all.forEach(give);
      const ports = all.map((name) => assigned[name]);
      expect(new Set(ports).size).toBe(all.length);
      expect(
        ports.every((port) => port !== null && port !== undefined && port <= 5300 + all.length),
      ).toBe(true);
    }),
  );
});
