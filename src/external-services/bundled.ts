/** Definitions that come with Luna: to be installed, or to be copied from. */
import type { z } from "zod";
import type { WrittenDefinition } from "../contract/external-service.ts";

type Written = z.input<typeof WrittenDefinition>;

/** The password reaches Docker by the environment: on a command line everybody on the machine could read it. */
const POSTGRES: Written = {
  name: "postgres",
  display_name: "PostgreSQL",
  description:
    "A PostgreSQL database in Docker, for extensions that ask for DB_HOST, DB_PORT, DB_NAME, DB_USER and DB_PASSWORD. Luna itself keeps what it knows in it, too, from its next start on, and begins there anew.",
  category: "database",
  version: "17",
  author: "Luna",
  install_timeout: 900,
  start_timeout: 60,
  config_form: [
    { name: "database", label: "Database", default: "luna" },
    { name: "user", label: "User", default: "luna" },
    {
      name: "password",
      label: "Password",
      type: "password",
      help: "It counts for a new database; one whose data was kept has its old password.",
    },
    {
      name: "port",
      label: "Port",
      type: "number",
      default: 5432,
      help: "On this machine alone, at 127.0.0.1.",
    },
  ],
  commands: {
    // A container of an earlier installation has that one's settings; its data is not in it.
    install: `docker rm --force "{{container_name}}" 2>/dev/null; mkdir -p "{{data_dir}}" && { docker image inspect postgres:17-alpine >/dev/null 2>&1 || docker pull postgres:17-alpine; }`,
    start: `docker start "{{container_name}}" 2>/dev/null || POSTGRES_DB={{database}} POSTGRES_USER={{user}} POSTGRES_PASSWORD={{password}} docker run -d --name {{container_name}} --restart no -e POSTGRES_DB -e POSTGRES_USER -e POSTGRES_PASSWORD -p 127.0.0.1:{{port}}:5432 -v "{{data_dir}}:/var/lib/postgresql/data" postgres:17-alpine`,
    stop: 'docker stop -t 20 "{{container_name}}"',
    restart: 'docker restart -t 20 "{{container_name}}"',
    uninstall: 'docker rm --force "{{container_name}}"',
    enable_startup: 'docker update --restart unless-stopped "{{container_name}}"',
    disable_startup: 'docker update --restart no "{{container_name}}"',
    health_check:
      'docker exec "{{container_name}}" pg_isready -h 127.0.0.1 -U {{user}} -d {{database}}',
  },
  health_check_expected: "accepting connections",
  provides_vars: ["DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD"],
  post_install_env: {
    DB_HOST: "127.0.0.1",
    DB_PORT: "{{port}}",
    DB_NAME: "{{database}}",
    DB_USER: "{{user}}",
    DB_PASSWORD: "{{password}}",
  },
};

const OLLAMA: Written = {
  name: "ollama",
  display_name: "Ollama",
  description:
    "Runs language models on this machine, in Docker. On the port that it proposes, Luna's agents find it by themselves.",
  category: "ai",
  version: "latest",
  author: "Luna",
  install_timeout: 1_800,
  start_timeout: 60,
  config_form: [
    { name: "port", label: "Port", type: "number", default: 11_434 },
    {
      name: "model",
      label: "Model",
      default: "llama3.2",
      required: false,
      help: "Fetched with the start, a few GB; the names are those of ollama.com/library.",
    },
  ],
  commands: {
    install: `docker rm --force "{{container_name}}" 2>/dev/null; mkdir -p "{{data_dir}}" && { docker image inspect ollama/ollama >/dev/null 2>&1 || docker pull ollama/ollama; }`,
    start:
      'docker start "{{container_name}}" 2>/dev/null || docker run -d --name {{container_name}} --restart no -p 127.0.0.1:{{port}}:11434 -v "{{data_dir}}:/root/.ollama" ollama/ollama; if [ -n "{{model}}" ]; then docker exec -d "{{container_name}}" ollama pull "{{model}}"; fi',
    stop: 'docker stop "{{container_name}}"',
    restart: 'docker restart "{{container_name}}"',
    uninstall: 'docker rm --force "{{container_name}}"',
    enable_startup: 'docker update --restart unless-stopped "{{container_name}}"',
    disable_startup: 'docker update --restart no "{{container_name}}"',
    health_check: 'docker exec "{{container_name}}" ollama list',
  },
  health_check_expected: "NAME",
};

export const BUNDLED_SERVICES: readonly unknown[] = [POSTGRES, OLLAMA];
