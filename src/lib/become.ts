/** Becomes another program, and loses no signal over that: those that come meanwhile wait until it is ready for them. */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { constants } from "node:os";

const SIG_BLOCK = 0;
const SIG_UNBLOCK = 1;
/** Of a `sigset_t` of glibc. */
const SET_WORDS = 16;

const held = [constants.signals.SIGINT, constants.signals.SIGTERM, constants.signals.SIGHUP];

function openLibc() {
  return dlopen("libc.so.6", {
    pthread_sigmask: { args: [FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
    execve: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  }).symbols;
}

function setMask(how: number): void {
  if (process.platform !== "linux") return;
  const set = new BigUint64Array(SET_WORDS);
  set[0] = held.reduce((bits, signal) => bits | (1n << BigInt(signal - 1)), 0n);
  openLibc().pthread_sigmask(how, ptr(set), null);
}

/** What asks this process to stop waits from now on, also for the program that it becomes. */
export function holdSignals(): void {
  setMask(SIG_BLOCK);
}

/** There are handlers now: what has waited comes. */
export function releaseSignals(): void {
  setMask(SIG_UNBLOCK);
}

interface Program {
  program: string;
  /** With the program's own name. */
  args: readonly string[];
  environment: Readonly<Record<string, string>>;
}

const terminated = (text: string): Buffer => Buffer.from(`${text}\0`);

/** A list of texts as execve(2) reads it; the texts live as long as the answer does. */
function listOf(texts: readonly Buffer[]): BigUint64Array {
  return BigUint64Array.from([...texts.map((text) => BigInt(ptr(text))), 0n]);
}

/** execve(2); Bun's own would let signals through again. @throws Error when it cannot be begun */
export function becomeProgram({ program, args, environment }: Program): never {
  if (process.platform !== "linux") {
    if (process.execve === undefined) throw new Error("Cannot begin another program: no execve");
    return process.execve(program, [...args], { ...environment });
  }
  const path = terminated(program);
  const argv = args.map(terminated);
  const pairs = Object.entries(environment).map(([name, value]) => terminated(`${name}=${value}`));
  openLibc().execve(ptr(path), ptr(listOf(argv)), ptr(listOf(pairs)));
  throw new Error(`Cannot begin "${program}"`);
}
