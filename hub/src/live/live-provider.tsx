/** Keeps the overview current for everything inside it, and knows how current that is. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, use, useEffect, useRef, useState } from "react";
import { overviewQuery } from "../lib/queries.ts";
import { LiveConnection, type LiveState, type SocketEvents } from "./live-connection.ts";

const POLL_MS = 5_000;

interface Connection {
  state: LiveState;
  /** When what is shown was last known to be true. */
  asOf: number;
}

const ConnectionContext = createContext<Connection>({ state: "connecting", asOf: 0 });

/** How current the shown data is. */
export function useConnection(): Connection {
  return use(ConnectionContext);
}

function liveAddress(): string {
  const url = new URL("/api/supervisor/live", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

function openSocket(events: SocketEvents): () => void {
  const socket = new WebSocket(liveAddress());
  socket.onopen = () => events.opened();
  socket.onmessage = (event) => {
    if (typeof event.data === "string") events.received(event.data);
  };
  socket.onclose = () => events.closed();
  return () => socket.close();
}

interface Live {
  state: LiveState;
  /** What it was until then. */
  before: LiveState;
  since: number;
  /** When the last open connection broke: until then everything shown was true. */
  lostAt: number;
}

const AT_FIRST: Live = { state: "connecting", before: "connecting", since: 0, lostAt: 0 };

function useLive(): Live {
  const client = useQueryClient();
  const [live, setLive] = useState(AT_FIRST);
  useEffect(() => {
    let connection: LiveConnection | undefined;
    let isMounted = true;
    const change = (state: LiveState): void =>
      setLive((old) => {
        const since = Date.now();
        return { state, before: old.state, since, lostAt: state === "lost" ? since : old.lostAt };
      });
    const start = async (): Promise<void> => {
      const { readLiveMessage } = await import("./live-message.ts");
      if (!isMounted) return;
      connection = new LiveConnection({
        open: openSocket,
        onState: change,
        onText: (text) => {
          const message = readLiveMessage(text);
          if (message?.topic !== "status") return;
          client.setQueryData(overviewQuery.queryKey, message.overview);
        },
        schedule: (callback, delayMs) => {
          const timer = setTimeout(callback, delayMs);
          return () => clearTimeout(timer);
        },
        random: Math.random,
      });
      connection.start();
    };
    // Without its reader the page is still useful: it polls.
    start().catch(() => change("polling"));
    return () => {
      isMounted = false;
      connection?.stop();
    };
  }, [client]);
  return live;
}

/** Another boot id than before is another process: nothing that was fetched from the old one counts. */
function useRefetchOnBoot(bootId: string | undefined): void {
  const client = useQueryClient();
  const known = useRef(bootId);
  useEffect(() => {
    if (bootId === undefined || bootId === known.current) return;
    if (known.current !== undefined) void client.invalidateQueries();
    known.current = bootId;
  }, [bootId, client]);
}

/** Polling is only what it claims to be once an answer came since it began. */
function shownState(live: Live, overview: { isError: boolean; dataUpdatedAt: number }): LiveState {
  if (live.state !== "polling") return live.state;
  if (overview.isError) return "lost";
  return overview.dataUpdatedAt >= live.since ? "polling" : live.before;
}

export function LiveProvider({ children }: { children: ReactNode }) {
  const live = useLive();
  const isPolling = live.state === "polling";
  const overview = useQuery({ ...overviewQuery, refetchInterval: isPolling ? POLL_MS : false });
  useRefetchOnBoot(overview.data?.boot_id);
  const { refetch } = overview;
  useEffect(() => {
    if (isPolling) void refetch();
  }, [isPolling, refetch]);

  const connection: Connection = {
    state: shownState(live, overview),
    asOf: Math.max(overview.dataUpdatedAt, live.lostAt),
  };
  return <ConnectionContext value={connection}>{children}</ConnectionContext>;
}
