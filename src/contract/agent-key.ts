/** The names around Luna's own key, for the Hub as well: without any schema. */

/** What every key of the agent API begins with. */
export const API_KEY_PREFIX = "sk-luna-";
/** How `.env` names the key that opens all agents, and how it is named wherever keys are. */
export const AGENT_KEY_NAME = "AGENT_API_KEY";
