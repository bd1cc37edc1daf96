"""Runs the Python tools of one extension for Luna's tool host, which talks to it in lines of JSON."""
import sys

VERSION_MIN = (3, 9)
if sys.version_info < VERSION_MIN:
    text = "its Python is %d.%d; Python 3.9 or newer is needed" % sys.version_info[:2]
    print('{"event":"unfit","text":"%s"}' % text)
    sys.exit(1)

import asyncio
import contextlib
import ctypes
import importlib.util
import inspect
import io
import json
import os
import signal
import threading
import traceback

from luna_arguments import ArgumentsError, Parameters
from luna_results import TooLarge, encode

LINE_LENGTH_MAX = 16 * 1024
PR_SET_PDEATHSIG = 1
# What a function may say of itself besides, as attributes of it.
MORE = ("title", "annotations", "timeout_ms")


class CallGivenUp(BaseException):
    """Raised in a tool whose time is up; no `except Exception` holds it."""


class Protocol:
    """The way to the tool host: file descriptors that nothing else of this process knows."""

    def __init__(self):
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._out = os.dup(1)
        self.lines = os.fdopen(os.dup(0), "rb")
        # What tools and their children read and write is not the protocol.
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)

    def send(self, message):
        self.send_bytes(json.dumps(message).encode())

    def send_bytes(self, line):
        if os.getpid() != self._pid:
            return  # A fork of a tool's: only the first process speaks.
        rest = memoryview(line + b"\n")
        with self._lock:
            while rest:
                rest = rest[os.write(self._out, rest):]


class Printed(io.TextIOBase):
    """What is printed, told line by line for the log."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, protocol, level, descriptor):
        self._protocol, self._level, self._descriptor = protocol, level, descriptor
        self._lock = threading.RLock()
        self._begun = ""
        self.buffer = open(descriptor, "wb", buffering=0, closefd=False)

    def writable(self):
        return True

    def fileno(self):
        return self._descriptor

    def write(self, text):
        with self._lock:
            lines = (self._begun + str(text)).split("\n")
            self._begun = lines.pop()
            if len(self._begun) > LINE_LENGTH_MAX:
                lines.append(self._begun)
                self._begun = ""
            for line in lines:
                self._tell(line)
        return len(text)

    def finish(self):
        """Tells what has no end of line yet."""
        with self._lock:
            self._tell(self._begun)
            self._begun = ""

    def _tell(self, line):
        if line.strip():
            self._protocol.send({"event": "log", "level": self._level, "text": line[:LINE_LENGTH_MAX]})


def message_of(error):
    text = str(error)
    return "%s: %s" % (type(error).__name__, text) if text else type(error).__name__


def name_of(tool):
    return getattr(tool, "__name__", None) or getattr(getattr(tool, "func", None), "__name__", None) or type(tool).__name__


def doc_of(tool):
    # Those of a class whose object is called belong to the class.
    return inspect.getdoc(tool) or "" if getattr(tool, "__name__", None) else ""


class Tools:
    """The functions of all files, by their names."""

    def __init__(self, folder, protocol):
        self._folder, self._protocol = folder, protocol
        self._tools = {}

    def find(self, name):
        return self._tools.get(name)

    def load(self, file):
        self._protocol.send({"event": "loading", "file": file})
        told = {"event": "loaded", "file": file, "tools": [], "system_prompt": "", "problems": []}
        try:
            module = self._import(file)
            self._read(module, told)
        except SystemExit as end:
            told["problems"].append({"text": "it ends its process (exit code %s) when it is imported" % end.code})
        except SyntaxError as error:
            where = "line %s, column %s: " % (error.lineno, error.offset) if error.filename == self._path(file) else ""
            told["problems"].append({"text": where + message_of(error)})
        except BaseException as error:
            traceback.print_exc()
            told["problems"].append({"text": message_of(error)})
        self._protocol.send(told)

    def _path(self, file):
        return os.path.join(self._folder, file)

    def _import(self, file):
        name = file[: -len(".py")]
        spec = importlib.util.spec_from_file_location(name, self._path(file))
        module = importlib.util.module_from_spec(spec)
        # Other files import it under this name, and its classes are looked for there.
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    def _read(self, module, told):
        tools = getattr(module, "TOOLS", None)
        if not isinstance(tools, (list, tuple)):
            told["problems"].append({"text": "TOOLS: must be a list of functions"})
            tools = []
        for tool in tools:
            if not callable(tool):
                told["problems"].append({"tool": name_of(tool), "text": "is no function"})
                continue
            name = name_of(tool)
            try:
                parameters = Parameters(tool)
            except Exception as error:
                told["problems"].append({"tool": name, "text": message_of(error)})
                continue
            self._tools.setdefault(name, (tool, parameters))
            more = {key: getattr(tool, key) for key in MORE if getattr(tool, key, None) is not None}
            told["tools"].append({"name": name, "doc": doc_of(tool), "input_schema": parameters.schema, **more})
        prompt = getattr(module, "SYSTEM_PROMPT", "")
        if callable(prompt):
            prompt = prompt()
            if inspect.isawaitable(prompt):
                prompt = asyncio.run(_result_of(prompt))
        if isinstance(prompt, str):
            told["system_prompt"] = prompt.strip()
        else:
            told["problems"].append({"text": "SYSTEM_PROMPT: must be a string or a function that returns one"})


async def _result_of(awaitable):
    return await awaitable


class Calls:
    """Calls under way: plain functions each in a thread, coroutines in one event loop."""

    def __init__(self, tools, protocol, printed):
        self._tools, self._protocol, self._printed = tools, protocol, printed
        self._lock = threading.Lock()
        self._running = {}
        self.loop = asyncio.new_event_loop()

    def begin(self, message):
        call = message["call"]
        tool, parameters = self._tools.find(message["name"]) or (None, None)
        if tool is None:
            self._end(call, error="its Python process has no such tool")
            return
        try:
            positional, named = parameters.bind(message["arguments"])
        except ArgumentsError as error:
            self._end(call, error="its arguments are not right:\n%s" % error)
            return
        except Exception as error:
            self._end(call, error=message_of(error))
            return
        run = lambda: tool(*positional, **named)  # noqa: E731
        if inspect.iscoroutinefunction(tool) or inspect.iscoroutinefunction(getattr(tool, "__call__", None)):
            self.loop.call_soon_threadsafe(self._begin_task, message, run)
        else:
            thread = threading.Thread(target=self._run, args=(message, run), name="tool-%s" % call, daemon=True)
            with self._lock:
                self._running[call] = thread
            thread.start()

    def cancel(self, call):
        with self._lock:
            running = self._running.get(call)
        if isinstance(running, threading.Thread):
            # Reaches the tool between two of its own steps; what waits in the system is not woken.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(running.ident), ctypes.py_object(CallGivenUp))
        elif running is not None:
            self.loop.call_soon_threadsafe(running.cancel)

    def _begin_task(self, message, run):
        task = self.loop.create_task(self._run_task(message, run))
        with self._lock:
            self._running[message["call"]] = task

    async def _run_task(self, message, run):
        try:
            self._succeed(message, await run())
        except BaseException as error:
            self._fail(message, error)

    def _run(self, message, run):
        try:
            result = run()
            if inspect.isawaitable(result):
                result = asyncio.run_coroutine_threadsafe(_result_of(result), self.loop).result()
            self._succeed(message, result)
        except BaseException as error:
            self._fail(message, error)

    def _succeed(self, message, result):
        self._end(message["call"], result=encode(result, message["bytes_max"]))

    def _fail(self, message, error):
        if isinstance(error, (CallGivenUp, asyncio.CancelledError)):
            self._end(message["call"], error="it was given up")
        elif isinstance(error, TooLarge):
            limit = "more than the %d allowed (tool_host.result_bytes_max)" % message["bytes_max"]
            self._end(message["call"], error="its result has %s as JSON, %s" % (error, limit))
        elif isinstance(error, SystemExit):
            self._end(message["call"], error="it called sys.exit(%s)" % ("" if error.code is None else error.code))
        else:
            with contextlib.suppress(Exception):
                print("".join(traceback.format_exception(type(error), error, error.__traceback__)), file=sys.stderr)
            self._end(message["call"], error=message_of(error))

    def _end(self, call, result=None, error=None):
        with self._lock:
            self._running.pop(call, None)
        for printed in self._printed:
            printed.finish()
        if error is not None:
            self._protocol.send({"event": "end", "call": call, "error": error})
        else:
            self._protocol.send_bytes(b'{"event":"end","call":%d,"result":%s}' % (call, result))


def end_with_parent(parent):
    """Dies with the tool host, whatever is running here."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def listen(protocol, calls):
    for line in protocol.lines:
        message = json.loads(line)
        if "cancel" in message:
            calls.cancel(message["cancel"])
        else:
            calls.begin(message)
    # The tool host has gone.
    os._exit(0)


def main(folder, parent, files):
    end_with_parent(int(parent))
    protocol = Protocol()
    # The group's end is the tool host's affair: it lets calls finish first. Children do not inherit a handler.
    for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(one, lambda *_: None)
    printed = [Printed(protocol, "info", 1), Printed(protocol, "warn", 2)]
    sys.stdin = open(os.devnull, encoding="utf-8")
    sys.stdout, sys.stderr = printed
    sys.argv = [os.path.join(folder, "tools")]
    sys.path.insert(0, folder)
    # `extensions.<name>…` of any extension, as their services import it.
    sys.path.append(os.environ.get("LUNA_HOME", os.getcwd()))
    tools = Tools(folder, protocol)
    for file in files:
        tools.load(file)
    calls = Calls(tools, protocol, printed)
    for one in printed:
        one.finish()
    asyncio.set_event_loop(calls.loop)
    threading.Thread(target=listen, args=(protocol, calls), name="protocol", daemon=True).start()
    protocol.send({"event": "ready"})
    calls.loop.run_forever()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
