/** The list of tools, with a filter over names, descriptions and extensions. */
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { ToolView } from "../../../../src/contract/tool.ts";
import { Card } from "../../ui/card.tsx";
import { firstLine, matchesFilter } from "./tool-text.ts";

export function ToolList({ tools }: { tools: readonly ToolView[] }) {
  const [filter, setFilter] = useState("");
  const shown = tools.filter((tool) => matchesFilter(tool, filter));
  const count =
    shown.length === tools.length ? `${tools.length}` : `${shown.length} of ${tools.length}`;
  if (tools.length === 0) {
    return (
      <Card title="No tools yet">
        <p className="text-muted">
          Tools come with extensions. Put one into the folder “extensions” of Luna's home, and its
          tools are listed here.
        </p>
      </Card>
    );
  }
  return (
    <Card title="All tools" action={<span className="text-muted">{count}</span>}>
      <input
        type="search"
        aria-label="Filter the tools"
        placeholder="Filter by name or text"
        className="control mb-2"
        value={filter}
        onChange={(event) => setFilter(event.target.value)}
      />
      <ul className="divide-y divide-line">
        {shown.map((tool) => (
          <li key={tool.name} className="py-1">
            <Link
              to="/tools/$tool"
              params={{ tool: tool.name }}
              className="-mx-2 block rounded-lg border border-transparent px-2 py-1.5 hover:bg-raised aria-[current=page]:bg-raised forced-colors:border-[Canvas] forced-colors:aria-[current=page]:border-[Highlight]"
            >
              <span className="block font-mono text-[0.8125rem]">{tool.name}</span>
              <span className="block text-xs text-muted">
                {firstLine(tool.description)} · {tool.extension}
              </span>
            </Link>
          </li>
        ))}
      </ul>
      <p role="status" className="text-muted">
        {shown.length === 0 && `No tool has “${filter}” in its name or description.`}
      </p>
    </Card>
  );
}
