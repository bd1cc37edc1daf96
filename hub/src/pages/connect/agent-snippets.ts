/** The agent API in programs: what the `openai` packages and curl need to talk to this Luna. */

export interface AgentAccess {
  baseUrl: string;
  apiKey: string | undefined;
}

export interface Snippet {
  id: "typescript" | "python" | "curl";
  label: string;
  install: string | undefined;
  code: string;
}

const AGENT_KEY_PLACEHOLDER = "YOUR_AGENT_KEY";
const MODEL = "simple_agent";
const QUESTION = "What is in my notes?";

export function agentBaseUrl(publicUrl: string): string {
  return `${publicUrl.replace(/\/+$/, "")}/api/agent/v1`;
}

export function agentSnippets({ baseUrl, apiKey }: AgentAccess): readonly Snippet[] {
  const key = apiKey ?? AGENT_KEY_PLACEHOLDER;
  const body = JSON.stringify({ model: MODEL, messages: [{ role: "user", content: QUESTION }] });
  return [
    {
      id: "typescript",
      label: "TypeScript",
      install: "npm install openai",
      code: `import OpenAI from "openai";

const luna = new OpenAI({
  baseURL: "${baseUrl}",
  apiKey: "${key}",
});

const answer = await luna.chat.completions.create({
  model: "${MODEL}",
  messages: [{ role: "user", content: "${QUESTION}" }],
});
console.log(answer.choices[0]?.message.content);`,
    },
    {
      id: "python",
      label: "Python",
      install: "pip install openai",
      code: `from openai import OpenAI

luna = OpenAI(
    base_url="${baseUrl}",
    api_key="${key}",
)

answer = luna.chat.completions.create(
    model="${MODEL}",
    messages=[{"role": "user", "content": "${QUESTION}"}],
)
print(answer.choices[0].message.content)`,
    },
    {
      id: "curl",
      label: "curl",
      install: undefined,
      code: `curl ${baseUrl}/chat/completions \\
  -H 'Authorization: Bearer ${key}' \\
  -H 'Content-Type: application/json' \\
  -d '${body}'`,
    },
  ];
}
