/** Starts the Hub in the page. */
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { focusHeadingOnNavigation } from "./frame/focus-heading.ts";
import { createQueryClient } from "./lib/queries.ts";
import { captureSignInToken } from "./lib/sign-in-link.ts";
import { router } from "./router.tsx";

captureSignInToken();
focusHeadingOnNavigation(router);

const root = document.getElementById("root");
if (root === null) throw new Error('Cannot start the Hub: the page has no element "root"');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={createQueryClient()}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
