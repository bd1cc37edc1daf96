/** Clients that sign in by themselves: they need one address, and no key. */
import { Link } from "@tanstack/react-router";
import { Card } from "../../ui/card.tsx";
import { ClientSteps } from "./client-steps.tsx";
import { signInClientsFor } from "./sign-in-clients.ts";

interface SignInCardProps {
  publicUrl: string;
  client: string | undefined;
  onClient(id: string): void;
}

export function SignInCard({ publicUrl, client, onClient }: SignInCardProps) {
  return (
    <Card title="Sign in, without a key">
      <p className="mb-4 text-muted">
        The client opens your browser and you allow it, all tools or only those that read. You see
        who has signed in, and end it, on the{" "}
        <Link to="/account" className="text-accent underline">
          Account page
        </Link>
        .
      </p>
      <ClientSteps
        clients={signInClientsFor(publicUrl)}
        label="Client that signs in"
        client={client}
        onClient={onClient}
      />
    </Card>
  );
}
