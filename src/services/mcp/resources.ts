/** The resources that a named MCP server offers, and whose each address is. */
import { UriTemplate } from "@modelcontextprotocol/server";
import type { Catalogue } from "./tool-source.ts";

/** A longer address is nobody's. */
const URI_LENGTH_MAX = 8_192;

interface Told {
  name: string;
  title?: string;
  description?: string;
  mimeType?: string;
}

/** Where an address leads. */
interface Place {
  kind: "resource" | "template";
  extension: string;
  /** As the tool host knows it. */
  name: string;
  arguments: Record<string, unknown>;
}

export interface OfferedResources {
  readonly list: (Told & { uri: string })[];
  readonly templates: (Told & { uriTemplate: string })[];
  /** Whose each template is. */
  readonly templateOwners: ReadonlyMap<string, string>;
  /** Where `uri` leads; undefined when it is nobody's. */
  find(uri: string): Place | undefined;
}

function told(one: Omit<Catalogue["templates"][number], "uri_template">) {
  const { name, title, description, mime_type } = one;
  return {
    name,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(mime_type === undefined ? {} : { mimeType: mime_type }),
  };
}

/** What an address leaves open in a template, decoded; undefined when it is no address of it. */
function variablesIn(template: UriTemplate, uri: string): Record<string, string> | undefined {
  const match = template.match(uri);
  if (match === null) return undefined;
  try {
    const entries = Object.entries(match).map(([name, value]) => {
      const text = Array.isArray(value) ? value.join(",") : value;
      return [name, decodeURIComponent(text)] as const;
    });
    return Object.fromEntries(entries);
  } catch {
    return undefined; // Not a percent-encoded address.
  }
}

/** Of the extensions that are offered. Resources come before templates, both in the order of the catalogue. */
export function offeredResources(
  catalogue: Catalogue,
  extensions: ReadonlySet<string>,
): OfferedResources {
  const isOffered = ({ extension }: { extension: string }) => extensions.has(extension);
  const resources = catalogue.resources.filter(isOffered);
  const templates = catalogue.templates.filter(isOffered);
  const owners = new Map(resources.map(({ uri, extension }) => [uri, extension]));
  const patterns = templates.map(({ uri_template, extension }) => ({
    ...{ name: uri_template, extension },
    template: new UriTemplate(uri_template),
  }));
  return {
    list: resources.map((one) => ({ uri: one.uri, ...told(one) })),
    templates: templates.map((one) => ({ uriTemplate: one.uri_template, ...told(one) })),
    templateOwners: new Map(patterns.map(({ name, extension }) => [name, extension])),
    find: (uri) => {
      if (uri.length > URI_LENGTH_MAX) return undefined;
      const extension = owners.get(uri);
      if (extension !== undefined) return { kind: "resource", extension, name: uri, arguments: {} };
      for (const { template, name, extension } of patterns) {
        const variables = variablesIn(template, uri);
        if (variables === undefined) continue;
        return { kind: "template", extension, name, arguments: { uri, variables } };
      }
      return undefined;
    },
  };
}
