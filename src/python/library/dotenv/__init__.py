"""
Reads `.env` files for extensions, by python-dotenv where that is installed; never Luna's own.

A process has the secrets that its extension asks for in its environment already. All others are nobody's business.
"""
import importlib.machinery
import importlib.util
import os
import sys

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LUNAS = os.path.realpath(os.path.join(os.environ.get("LUNA_HOME", os.sep), ".env"))


def _is_lunas(path):
    return path is not None and os.path.realpath(path) == _LUNAS


def _find_real():
    elsewhere = [path for path in sys.path if os.path.abspath(path or os.curdir) != _OWN]
    return importlib.machinery.PathFinder.find_spec("dotenv", elsewhere)


def find_dotenv(filename=".env", raise_error_if_not_found=False, usecwd=False):
    """The path of the nearest file above the caller's; "" when there is none, or only Luna's."""
    folder = os.getcwd()
    caller = sys._getframe(1)
    while not usecwd and caller is not None and caller.f_code.co_filename == __file__:
        caller = caller.f_back
    if not usecwd and caller is not None and os.path.exists(caller.f_code.co_filename):
        folder = os.path.dirname(os.path.abspath(caller.f_code.co_filename))
    while True:
        path = os.path.join(folder, filename)
        if os.path.isfile(path) and not _is_lunas(path):
            return path
        if folder == os.path.dirname(folder):
            break
        folder = os.path.dirname(folder)
    if raise_error_if_not_found:
        raise OSError("File not found")
    return ""


def _parse(text):
    values = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        name = name[len("export "):].strip() if name.startswith("export ") else name.strip()
        if not equals or not name or name.startswith("#"):
            continue
        value = value.strip()
        if value[:1] in ("'", '"') and value.find(value[0], 1) > 0:
            value = value[1 : value.find(value[0], 1)]
        else:
            value = value.split(" #")[0].strip()
        values[name] = value
    return values


def dotenv_values(dotenv_path=None, stream=None, verbose=False, interpolate=True, encoding="utf-8"):
    """The names and values of the file; none of Luna's own."""
    if stream is not None:
        return _parse(stream.read())
    path = dotenv_path or find_dotenv()
    if not path or _is_lunas(path) or not os.path.isfile(path):
        return {}
    with open(path, encoding=encoding) as file:
        return _parse(file.read())


def load_dotenv(dotenv_path=None, stream=None, verbose=False, override=False, interpolate=True, encoding="utf-8"):
    """Takes the file's values into the environment; whether there was anything to take."""
    if _is_lunas(dotenv_path):
        return True
    values = dotenv_values(dotenv_path, stream, verbose, interpolate, encoding)
    for name, value in values.items():
        if override or name not in os.environ:
            os.environ[name] = value
    return bool(values)


def _stand_aside(spec):
    """Gives way to the real one, which then has no eyes for Luna's file."""
    real = importlib.util.module_from_spec(spec)
    sys.modules["dotenv"] = real
    spec.loader.exec_module(real)
    load, read = real.load_dotenv, real.dotenv_values

    def load_other(dotenv_path=None, *rest, **named):
        path = dotenv_path or (None if named.get("stream") else find_dotenv())
        return True if path == "" or _is_lunas(path) else load(path, *rest, **named)

    def read_other(dotenv_path=None, *rest, **named):
        path = dotenv_path or (None if named.get("stream") else find_dotenv())
        return {} if path == "" or _is_lunas(path) else read(path, *rest, **named)

    for module in (real, sys.modules.get("dotenv.main")):
        if module is not None:
            module.load_dotenv, module.dotenv_values, module.find_dotenv = load_other, read_other, find_dotenv


_real = _find_real()
if _real is not None:
    _stand_aside(_real)
