/** A JSON value for people: text as text, objects as names with values, lists of likes as tables. */
import type { ReactNode } from "react";
import { propertiesOf } from "../../schema-form/json.ts";

/** More would only be scrolled past; the raw view has everything. */
const ITEMS_SHOWN_MAX = 100;
const DEPTH_SHOWN_MAX = 6;
const COLUMNS_MAX = 6;

type Row = Readonly<Record<string, unknown>>;

export function ValueView({ value }: { value: unknown }) {
  return (
    <section
      aria-label="Result"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      className="max-h-128 overflow-auto rounded-lg border border-line bg-raised p-3"
    >
      <Value value={value} depth={0} />
    </section>
  );
}

function Value({ value, depth }: { value: unknown; depth: number }): ReactNode {
  if (typeof value === "string") return <span className="whitespace-pre-wrap">{value}</span>;
  if (Array.isArray(value) && value.length > 0 && depth < DEPTH_SHOWN_MAX) {
    const columns = columnsOf(value);
    return columns === undefined ? (
      <List items={value} depth={depth} />
    ) : (
      <Table rows={value} columns={columns} />
    );
  }
  const properties = propertiesOf(value);
  if (properties !== undefined && Object.keys(properties).length > 0 && depth < DEPTH_SHOWN_MAX) {
    return <Properties properties={properties} depth={depth} />;
  }
  return <span className="font-mono text-xs">{JSON.stringify(value) ?? "nothing"}</span>;
}

function Properties({ properties, depth }: { properties: Row; depth: number }) {
  return (
    <dl className="space-y-1.5">
      {Object.entries(properties).map(([name, inner]) => (
        <div
          key={name}
          className="grid gap-x-3 sm:grid-cols-[minmax(5rem,max-content)_minmax(0,1fr)]"
        >
          <dt className="text-muted">{name}</dt>
          <dd className="min-w-0 max-sm:pl-3">
            <Value value={inner} depth={depth + 1} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function List({ items, depth }: { items: readonly unknown[]; depth: number }) {
  return (
    <ul className="space-y-1.5">
      {items.slice(0, ITEMS_SHOWN_MAX).map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an answer never changes
        <li key={index} className="border-l-2 border-line pl-3">
          <Value value={item} depth={depth + 1} />
        </li>
      ))}
      <More total={items.length} />
    </ul>
  );
}

const isPlain = (value: unknown): boolean => typeof value !== "object" || value === null;

/** The names of the columns when every item is an object of plain values, and they are few. */
function columnsOf(items: readonly unknown[]): readonly string[] | undefined {
  const columns = new Set<string>();
  for (const item of items.slice(0, ITEMS_SHOWN_MAX)) {
    const row = propertiesOf(item);
    if (row === undefined || !Object.values(row).every(isPlain)) return undefined;
    for (const name of Object.keys(row)) columns.add(name);
  }
  return columns.size > 0 && columns.size <= COLUMNS_MAX ? [...columns] : undefined;
}

function Table({ rows, columns }: { rows: readonly unknown[]; columns: readonly string[] }) {
  return (
    <>
      <table className="w-full border-collapse text-left">
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col" className="py-1 pr-4 font-medium text-muted">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, ITEMS_SHOWN_MAX).map((row, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: an answer never changes
            <tr key={index} className="border-t border-line align-top">
              {columns.map((column) => (
                <td key={column} className="max-w-80 py-1 pr-4">
                  <Cell value={propertiesOf(row)?.[column]} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <More total={rows.length} />
    </>
  );
}

function Cell({ value }: { value: unknown }) {
  if (value === undefined) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function More({ total }: { total: number }) {
  if (total <= ITEMS_SHOWN_MAX) return null;
  return <p className="mt-2 text-muted">{total - ITEMS_SHOWN_MAX} more are in the raw answer.</p>;
}
