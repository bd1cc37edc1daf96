/** Keys & secrets: what Luna, its extensions and its clients prove themselves with. */

import { PageHeader, usePageTitle } from "../../ui/page-header.tsx";
import { ApiKeysCard } from "./api-keys/api-keys-card.tsx";
import { SecretsSection } from "./secrets-section.tsx";

export function KeysPage() {
  usePageTitle("Keys & secrets");
  return (
    <>
      <PageHeader
        title="Keys & secrets"
        summary="What extensions and models need to know, and what opens this Luna to programs."
      />
      <div className="space-y-5">
        <SecretsSection />
        <ApiKeysCard />
      </div>
    </>
  );
}
