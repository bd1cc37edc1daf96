/** Whose answer it is when it is not Luna's, and what to do about it; pure. */
import { ErrorBody } from "../contract/error.ts";
import type { DoctorStep, StepFinding } from "../contract/mcp-doctor.ts";
import type { Answer, Asked } from "./ask.ts";

type Fault = Omit<StepFinding, "step" | "status">;

const START = "Start Luna with: luna up; then look with: luna status";
const IN_FRONT = "what stands in front of Luna (a reverse proxy, a tunnel, a content network)";

function isHtml({ headers, text }: Answer): boolean {
  return (
    headers.get("Content-Type")?.includes("html") === true || /^\s*<(?:!doctype|html)/i.test(text)
  );
}

/** Content networks that want to see a person first. */
function challengeFault(answer: Answer): Fault | undefined {
  const { headers, status, text } = answer;
  const isCloudflare =
    headers.has("cf-mitigated") ||
    (headers.get("Server")?.toLowerCase() === "cloudflare" && isHtml(answer) && status >= 400);
  if (isCloudflare) {
    return {
      title: `Cloudflare answered with a page (${status}) in place of Luna: it wants to see a person, and a client is none`,
      whose: "in_front",
      fix: "In Cloudflare, let /api/*, /.well-known/* and /auth/* pass without challenges: a WAF rule that skips them, Bot Fight Mode off",
    };
  }
  if (/ERR_NGROK_\d+|ngrok\.com/.test(text) && isHtml(answer)) {
    return {
      title: `ngrok answered with a page of its own (${status}): its tunnel does not lead to Luna, or it warns browsers first`,
      whose: "in_front",
      fix: "Look whether the tunnel runs and leads to Luna's port: luna status",
    };
  }
  return undefined;
}

function redirectFault({ url, status, headers }: Answer): Fault | undefined {
  if (status < 300 || status > 399) return undefined;
  const to = headers.get("Location") ?? "nowhere";
  const isForTls = url.protocol === "http:" && to.startsWith("https://");
  return {
    title: `${url.pathname} answers with a redirect (${status}) to ${to}, which no client follows with what it posts`,
    whose: "in_front",
    fix: isForTls
      ? "Luna takes its public address for http, and what is in front wants https: set PUBLIC_DOMAIN and the mode that has https"
      : `Make ${IN_FRONT} pass ${url.pathname} on as it is, without a redirect`,
  };
}

/** What is wrong when the answer has another status than the step needs. */
export function answerFault(answer: Answer): Fault {
  const special = challengeFault(answer) ?? redirectFault(answer);
  if (special !== undefined) return special;
  const { url, status, json } = answer;
  const own = ErrorBody.safeParse(json).data?.error;
  if (own !== undefined) {
    return {
      title: `Luna answered ${status} at ${url.pathname}: ${own.message}`,
      whose: "luna",
      fix: "Luna's logs say more: luna logs auth mcp",
    };
  }
  if ([502, 503, 504, 521, 522, 523, 530].includes(status)) {
    return {
      title: `${status} at ${url.pathname}: what is in front cannot reach Luna`,
      whose: "in_front",
      fix: `Look whether Luna runs (luna status), and whether ${IN_FRONT} leads to its port`,
    };
  }
  if (status === 404) {
    return {
      title: `404 at ${url.pathname}, and not by Luna: that path does not reach it`,
      whose: "in_front",
      fix: `Make ${IN_FRONT} pass every path on to Luna, /.well-known/* and /api/* too`,
    };
  }
  return {
    title: `${status} at ${url.pathname}, and not by Luna: ${isHtml(answer) ? "a page" : "something else"} answered`,
    whose: "in_front",
    fix: `Look at what is at that address: another program may have it, or ${IN_FRONT} answers by itself`,
  };
}

/** What is wrong when nothing answered. */
export function silenceFault(asked: Exclude<Asked, Answer>): Fault {
  const { host, hostname } = asked.url;
  switch (asked.kind) {
    case "no_name":
      return {
        title: `There is no address for the name ${hostname} (${asked.why})`,
        whose: "network",
        fix: `Add a DNS record for ${hostname} that leads to this machine or its tunnel, or correct PUBLIC_DOMAIN`,
      };
    case "bad_certificate":
      return {
        title: `The certificate of ${host} is not one that clients trust (${asked.why})`,
        whose: "in_front",
        fix: "Give it a certificate of a public authority: Caddy gets one by itself in the mode custom_domain, when ports 80 and 443 reach it",
      };
    case "no_connection":
      return {
        title: `Nothing listens at ${host} (${asked.why})`,
        whose: "network",
        fix: `${START}. When it runs: a firewall, a router without port forwarding or a tunnel that is down is in between`,
      };
    case "no_answer_in_time":
      return {
        title: `${host} does not answer in time`,
        whose: "network",
        fix: "A firewall that drops packets, or a proxy that waits for Luna: look at the way in between, and at luna status",
      };
  }
}

export const ok = (step: DoctorStep, title: string): StepFinding => ({
  ...{ step, status: "ok", title, whose: null, fix: "" },
});
export const failed = (step: DoctorStep, fault: Fault): StepFinding => ({
  ...{ step, status: "fail" },
  ...fault,
});
