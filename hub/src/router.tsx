/** The Hub's pages and their addresses. Home comes with the first script, the others when they are opened. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from "@tanstack/react-router";
import { AppFrame } from "./frame/app-frame.tsx";
import { PageFailure, PageNotFound } from "./frame/page-problems.tsx";
import { HomePage } from "./pages/home/home-page.tsx";

const rootRoute = createRootRoute({ notFoundComponent: PageNotFound });

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" ? value : undefined;

const loginRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/login",
  validateSearch: (search): { returnTo?: string; problem?: string; wait?: number } => {
    const returnTo = textOf(search["returnTo"]);
    const problem = textOf(search["problem"]);
    const wait = Number(search["wait"]);
    return {
      ...(returnTo === undefined ? {} : { returnTo }),
      ...(problem === undefined ? {} : { problem }),
      ...(wait > 0 ? { wait } : {}),
    };
  },
  component: lazyRouteComponent(() => import("./pages/login/login-page.tsx"), "LoginPage"),
});

const consentRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/consent",
  validateSearch: (search): { request?: string; problem?: string } => {
    const request = textOf(search["request"]);
    const problem = textOf(search["problem"]);
    return {
      ...(request === undefined ? {} : { request }),
      ...(problem === undefined ? {} : { problem }),
    };
  },
  component: lazyRouteComponent(() => import("./pages/consent/consent-page.tsx"), "ConsentPage"),
});

/** Everything behind sign-in shares the frame and its live connection. */
const frameRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "frame",
  component: AppFrame,
});

const homeRoute = createRoute({
  getParentRoute: () => frameRoute,
  path: "/",
  component: HomePage,
});

const toolsRoute = createRoute({
  getParentRoute: () => frameRoute,
  path: "/tools",
  component: lazyRouteComponent(() => import("./pages/tools/tools-page.tsx"), "ToolsPage"),
});

const toolRoute = createRoute({
  getParentRoute: () => toolsRoute,
  path: "$tool",
});

const connectRoute = createRoute({
  getParentRoute: () => frameRoute,
  path: "/connect",
  validateSearch: (search): { server?: string; client?: string } => {
    const server = textOf(search["server"]);
    const client = textOf(search["client"]);
    return {
      ...(server === undefined ? {} : { server }),
      ...(client === undefined ? {} : { client }),
    };
  },
  component: lazyRouteComponent(() => import("./pages/connect/connect-page.tsx"), "ConnectPage"),
});

const keysRoute = createRoute({
  getParentRoute: () => frameRoute,
  path: "/keys",
  component: lazyRouteComponent(() => import("./pages/keys/keys-page.tsx"), "KeysPage"),
});

const accountRoute = createRoute({
  getParentRoute: () => frameRoute,
  path: "/account",
  component: lazyRouteComponent(() => import("./pages/account/account-page.tsx"), "AccountPage"),
});

const activityRoute = createRoute({
  getParentRoute: () => frameRoute,
  path: "/activity",
  component: lazyRouteComponent(() => import("./pages/activity/activity-page.tsx"), "ActivityPage"),
});

export const router = createRouter({
  routeTree: rootRoute.addChildren([
    loginRoute,
    consentRoute,
    frameRoute.addChildren([
      homeRoute,
      toolsRoute.addChildren([toolRoute]),
      connectRoute,
      keysRoute,
      accountRoute,
      activityRoute,
    ]),
  ]),
  defaultPreload: "intent",
  defaultErrorComponent: PageFailure,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
