/** What the Hub knows of the server, and when it asks again. */
import {
  infiniteQueryOptions,
  MutationCache,
  QueryCache,
  QueryClient,
  queryOptions,
} from "@tanstack/react-query";
import { PAGE_TOKEN_REQUIRED } from "../../../src/contract/page-token.ts";
import {
  fetchActivity,
  fetchAgents,
  fetchApiKeys,
  fetchConnect,
  fetchConsent,
  fetchGithubAccounts,
  fetchMcpServers,
  fetchMe,
  fetchOAuthClients,
  fetchOverview,
  fetchPasskeys,
  fetchPassphrase,
  fetchRequiredSecrets,
  fetchSecrets,
  fetchSessions,
  fetchSignInMethods,
  fetchTools,
} from "./api.ts";
import { ApiError } from "./api-error.ts";
import { reloadForToken } from "./page-token.ts";
import { signInAddress } from "./return-to.ts";

const FRESH_MS = 30_000;
const USED_MEANWHILE_MS = 15_000;

/** A session that ended anywhere leads to the sign-in page, with a fresh page and nothing left in memory. */
function onFailure(error: Error): void {
  if (!(error instanceof ApiError)) return;
  if (error.code === PAGE_TOKEN_REQUIRED) reloadForToken();
  const isSignedOut = error.status === 401;
  if (isSignedOut && location.pathname !== "/login") location.assign(signInAddress(location));
}

export function createQueryClient(): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({ onError: onFailure }),
    mutationCache: new MutationCache({ onError: onFailure }),
    defaultOptions: {
      queries: {
        // Luna is often on this very machine: it answers while the browser believes to be offline.
        networkMode: "always",
        staleTime: FRESH_MS,
        retry: (failures, error) =>
          failures < 1 && error instanceof ApiError && (error.status === 0 || error.status >= 500),
      },
      mutations: { networkMode: "always" },
    },
  });
}

export const overviewQuery = queryOptions({
  queryKey: ["overview"],
  queryFn: ({ signal }) => fetchOverview(signal),
});

export const toolsQuery = queryOptions({
  queryKey: ["tools"],
  queryFn: ({ signal }) => fetchTools(signal),
});

export const mcpServersQuery = queryOptions({
  queryKey: ["mcp-servers"],
  queryFn: ({ signal }) => fetchMcpServers(signal),
});

export const agentsQuery = queryOptions({
  queryKey: ["agents"],
  queryFn: ({ signal }) => fetchAgents(signal),
});

/** Asked again while it is looked at: keys are used meanwhile. */
export const apiKeysQuery = queryOptions({
  queryKey: ["api-keys"],
  queryFn: ({ signal }) => fetchApiKeys(signal),
  refetchInterval: USED_MEANWHILE_MS,
});

export const connectQuery = queryOptions({
  queryKey: ["connect"],
  queryFn: ({ signal }) => fetchConnect(signal),
});

export const meQuery = queryOptions({
  queryKey: ["account", "me"],
  queryFn: ({ signal }) => fetchMe(signal),
});

export const sessionsQuery = queryOptions({
  queryKey: ["account", "sessions"],
  queryFn: ({ signal }) => fetchSessions(signal),
});

export const passphraseQuery = queryOptions({
  queryKey: ["account", "passphrase"],
  queryFn: ({ signal }) => fetchPassphrase(signal),
});

export const passkeysQuery = queryOptions({
  queryKey: ["account", "passkeys"],
  queryFn: ({ signal }) => fetchPasskeys(signal),
});

export const githubAccountsQuery = queryOptions({
  queryKey: ["account", "github"],
  queryFn: ({ signal }) => fetchGithubAccounts(signal),
});

/** Asked for once: what the owner decides about must not change under their hand. */
export const consentQuery = (id: string) =>
  queryOptions({
    queryKey: ["consent", id],
    queryFn: ({ signal }) => fetchConsent({ id, signal }),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });

export const oauthClientsQuery = queryOptions({
  queryKey: ["account", "oauth-clients"],
  queryFn: ({ signal }) => fetchOAuthClients(signal),
});

export const secretsQuery = queryOptions({
  queryKey: ["secrets", "list"],
  queryFn: ({ signal }) => fetchSecrets(signal),
});

export const requiredSecretsQuery = queryOptions({
  queryKey: ["secrets", "required"],
  queryFn: ({ signal }) => fetchRequiredSecrets(signal),
});

/** Both of them, after a change of either. */
export const SECRETS = { queryKey: ["secrets"] };

/** Renewed whenever it is shown: somebody does something all the time. */
export const activityQuery = (filter: Omit<Parameters<typeof fetchActivity>[0], "signal">) =>
  infiniteQueryOptions({
    queryKey: ["activity", filter],
    queryFn: ({ signal, pageParam }) =>
      fetchActivity({ ...filter, ...(pageParam === null ? {} : { cursor: pageParam }), signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.cursor,
    staleTime: 0,
  });

export const signInMethodsQuery = queryOptions({
  queryKey: ["sign-in-methods"],
  queryFn: ({ signal }) => fetchSignInMethods(signal),
});
