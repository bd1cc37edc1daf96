/** Tabs in Luna's look, on Base UI's behaviour (arrow keys, roving focus, roles). */
import { Tabs as BaseTabs } from "@base-ui/react/tabs";
import { Ban } from "lucide-react";
import type { ReactNode } from "react";

interface Tab<Id extends string> {
  id: Id;
  label: string;
  content: ReactNode;
  /** Marked so; it can still be opened, to read why. */
  isUnavailable?: boolean;
}

interface TabsProps<Id extends string> {
  /** What the tabs choose between. */
  label: string;
  tabs: readonly Tab<NoInfer<Id>>[];
  value: Id;
  onChange(id: NoInfer<Id>): void;
}

export function Tabs<Id extends string>({ label, tabs, value, onChange }: TabsProps<Id>) {
  return (
    <BaseTabs.Root
      value={value}
      onValueChange={(id) => {
        const chosen = tabs.find((tab) => tab.id === id);
        if (chosen !== undefined) onChange(chosen.id);
      }}
      className="min-w-0"
    >
      <BaseTabs.List
        aria-label={label}
        activateOnFocus
        className="mb-3 flex flex-wrap border-b border-line"
      >
        {tabs.map((tab) => (
          <BaseTabs.Tab
            key={tab.id}
            value={tab.id}
            className="-mb-px min-h-10 px-3 font-medium text-muted hover:text-ink focus-visible:-outline-offset-2 data-active:text-ink data-active:shadow-[inset_0_-2px_var(--color-accent)] forced-colors:data-active:bg-[Highlight] forced-colors:data-active:text-[HighlightText] forced-colors:data-active:forced-color-adjust-none"
          >
            {tab.isUnavailable && <Ban aria-hidden className="mr-1.5 inline size-3.5" />}
            {tab.label}
          </BaseTabs.Tab>
        ))}
      </BaseTabs.List>
      {tabs.map((tab) => (
        <BaseTabs.Panel key={tab.id} value={tab.id}>
          {tab.content}
        </BaseTabs.Panel>
      ))}
    </BaseTabs.Root>
  );
}
