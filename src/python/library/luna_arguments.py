"""Arguments of tools: their JSON Schema out of a function's signature, and given values made to fit it."""
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import inspect
import json
import pathlib
import sys
import types
import typing
import uuid

_MISSING = inspect.Parameter.empty
_UNION_TYPES = {typing.Union, getattr(types, "UnionType", typing.Union)}
_SEQUENCES = {
    list, set, frozenset, collections.abc.Sequence, collections.abc.MutableSequence, collections.abc.Iterable,
    collections.abc.Collection, collections.abc.Set, collections.abc.MutableSet, collections.deque,
}
_SETS = {set, frozenset, collections.abc.Set, collections.abc.MutableSet}
_MAPPINGS = {dict, collections.abc.Mapping, collections.abc.MutableMapping, collections.OrderedDict, collections.defaultdict}
_TEXTS = {
    datetime.datetime: ("date-time", datetime.datetime.fromisoformat),
    datetime.date: ("date", datetime.date.fromisoformat),
    datetime.time: ("time", datetime.time.fromisoformat),
    uuid.UUID: ("uuid", uuid.UUID),
    decimal.Decimal: (None, decimal.Decimal),
    pathlib.Path: ("path", pathlib.Path),
    pathlib.PurePath: ("path", pathlib.PurePath),
}
_TRUE = {"true", "t", "yes", "y", "on", "1"}
_FALSE = {"false", "f", "no", "n", "off", "0"}
_SHOWN_MAX = 80


class ArgumentsError(Exception):
    """The given arguments do not fit; says which, one line each."""


class _Unfit(Exception):
    pass


def _shown(value):
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"


def _unfit(wanted, value):
    return _Unfit("should be %s, not %s" % (wanted, _shown(value)))


def is_model(kind):
    """Whether it is a class of pydantic's, of either version, without importing it."""
    return isinstance(kind, type) and "pydantic" in sys.modules and hasattr(kind, "__fields__") and (
        hasattr(kind, "model_validate") or hasattr(kind, "parse_obj")
    )


def _is_typed_dict(kind):
    return isinstance(kind, type) and issubclass(kind, dict) and hasattr(kind, "__total__")


def _hints_of(kind):
    try:
        return typing.get_type_hints(kind, include_extras=True)
    except Exception:
        return dict(getattr(kind, "__annotations__", {}))


def _fields_of(kind):
    """Name → (type, whether it must be there) of a TypedDict or a dataclass."""
    hints = _hints_of(kind)
    if _is_typed_dict(kind):
        required = getattr(kind, "__required_keys__", frozenset(hints))
        return {name: (hint, name in required) for name, hint in hints.items()}
    return {
        field.name: (
            hints.get(field.name, typing.Any),
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
        if field.init
    }


def _described(schema, metadata):
    for one in metadata:
        text = one if isinstance(one, str) else getattr(one, "description", None)
        if isinstance(text, str) and text:
            return dict(schema, description=text)
    return schema


class _Schemas:
    """Makes schemas; what several of them refer to is gathered in `definitions`."""

    def __init__(self):
        self.definitions = {}
        self._within = []

    def of(self, kind):
        origin, parts = typing.get_origin(kind), typing.get_args(kind)
        if origin is typing.Annotated:
            return _described(self.of(parts[0]), parts[1:])
        if origin is not None and getattr(origin, "_name", None) in ("Required", "NotRequired"):
            return self.of(parts[0])
        if hasattr(kind, "__supertype__"):
            return self.of(kind.__supertype__)
        if kind is None or kind is type(None):
            return {"type": "null"}
        if origin in _UNION_TYPES:
            return self._union(parts)
        if origin is typing.Literal:
            return self._choice(list(parts))
        if is_model(kind):
            return self._model(kind)
        base = origin or kind
        if base in _SEQUENCES or base is tuple:
            return self._sequence(base, parts)
        if base in _MAPPINGS:
            values = self.of(parts[1]) if len(parts) == 2 else {}
            return {"type": "object", **({"additionalProperties": values} if values else {})}
        return self._plain(kind) if isinstance(kind, type) else {}

    def _plain(self, kind):
        if issubclass(kind, enum.Enum):
            return self._choice([member.value for member in kind])
        for basic, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (bytes, "string")):
            if issubclass(kind, basic):
                return {"type": name}
        for text, (form, _) in _TEXTS.items():
            if kind is text:
                return {"type": "string", **({"format": form} if form else {})}
        if _is_typed_dict(kind) or dataclasses.is_dataclass(kind):
            return self._record(kind)
        return {}

    def _record(self, kind):
        if kind in self._within:
            return {"type": "object"}
        self._within.append(kind)
        fields = _fields_of(kind)
        schema = {"type": "object", "properties": {name: self.of(hint) for name, (hint, _) in fields.items()}}
        required = [name for name, (_, needed) in fields.items() if needed]
        self._within.pop()
        return dict(schema, required=required) if required else schema

    def _union(self, parts):
        kinds = [self.of(part) for part in parts]
        if any(not kind for kind in kinds):
            return {}
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}

    @staticmethod
    def _choice(values):
        names = {bool: "boolean", int: "integer", float: "number", str: "string"}
        kinds = {names.get(type(value)) for value in values}
        kind = kinds.pop() if len(kinds) == 1 else None
        return {**({"type": kind} if kind else {}), "enum": values}

    def _sequence(self, base, parts):
        if base is tuple and parts and parts[-1] is not Ellipsis:
            kinds = [self.of(part) for part in parts]
            return {"type": "array", "prefixItems": kinds, "minItems": len(kinds), "maxItems": len(kinds)}
        items = self.of(parts[0]) if parts else {}
        schema = {"type": "array", **({"items": items} if items else {})}
        return dict(schema, uniqueItems=True) if base in _SETS else schema

    def _model(self, kind):
        template = "#/$defs/{model}"
        if hasattr(kind, "model_json_schema"):
            schema = kind.model_json_schema(ref_template=template)
        else:
            schema = json.loads(json.dumps(kind.schema(ref_template=template)))
        for key in ("$defs", "definitions"):
            self.definitions.update(schema.pop(key, {}))
        return schema


def _number(value, kind, strict):
    wanted = "a whole number" if kind is int else "a number"
    if isinstance(value, bool) and strict:
        raise _unfit(wanted, value)
    if isinstance(value, (int, float)):
        if kind is float:
            return float(value)
        if isinstance(value, int) or (value.is_integer() and not strict):
            return int(value)
    if isinstance(value, str) and not strict:
        try:
            return kind(value.strip())
        except ValueError:
            pass
    raise _unfit(wanted, value)


def _boolean(value, strict):
    if isinstance(value, bool):
        return value
    if not strict and (isinstance(value, str) or value in (0, 1)):
        text = str(value).strip().lower()
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
    raise _unfit("true or false", value)


def _choose(values, given, strict):
    for value, meant in values:
        if type(value) is type(given) and value == given:
            return meant
    for value, meant in values:
        if not strict and str(value) == str(given):
            return meant
    raise _unfit("one of " + ", ".join(_shown(value) for value, _ in values), given)


def _within(where, convert):
    try:
        return convert()
    except _Unfit as unfit:
        raise _Unfit("%s: %s" % (where, unfit)) from None


def _sequence(base, parts, value, strict):
    if not isinstance(value, (list, tuple)):
        raise _unfit("a list", value)
    if base is tuple and parts and parts[-1] is not Ellipsis:
        if len(value) != len(parts):
            raise _unfit("a list of %d" % len(parts), value)
        kinds = parts
    else:
        kinds = [parts[0] if parts else typing.Any] * len(value)
    items = [
        _within("[%d]" % index, lambda: fit(kind, item, strict)) for index, (kind, item) in enumerate(zip(kinds, value))
    ]
    if base is tuple:
        return tuple(items)
    if base is frozenset:
        return frozenset(items)
    return set(items) if base in _SETS else items


def _mapping(parts, value, strict):
    if not isinstance(value, dict):
        raise _unfit("an object", value)
    if len(parts) != 2:
        return value
    return {
        fit(parts[0], key, False): _within(str(key), lambda: fit(parts[1], item, strict)) for key, item in value.items()
    }


def _record(kind, value, strict):
    if not isinstance(value, dict):
        raise _unfit("an object", value)
    result = {}
    for name, (hint, needed) in _fields_of(kind).items():
        if name in value:
            result[name] = _within(name, lambda: fit(hint, value[name], strict))
        elif needed:
            raise _Unfit("%s: is missing" % name)
    return result if _is_typed_dict(kind) else kind(**result)


def _model(kind, value):
    try:
        return kind.model_validate(value) if hasattr(kind, "model_validate") else kind.parse_obj(value)
    except Exception as error:
        raise _Unfit(str(error)) from None


def _plain(kind, value, strict):
    if issubclass(kind, enum.Enum):
        return _choose([(member.value, member) for member in kind], value, strict)
    if kind is bool:
        return _boolean(value, strict)
    if kind is int or kind is float:
        return _number(value, kind, strict)
    if kind is str:
        if isinstance(value, str):
            return value
        raise _unfit("a text", value)
    if kind is bytes and isinstance(value, str):
        return value.encode()
    if kind in _TEXTS:
        form, read = _TEXTS[kind]
        try:
            text = str(value)
            # Before Python 3.11 nothing reads the Z of what most programs write.
            return read(text[:-1] + "+00:00" if form == "date-time" and text.endswith("Z") else text)
        except (ValueError, ArithmeticError):
            raise _unfit("a %s" % (form or "number"), value) from None
    if _is_typed_dict(kind) or dataclasses.is_dataclass(kind):
        return _record(kind, value, strict)
    return value


def _union(parts, value, strict):
    if value is None and type(None) in parts:
        return None
    last = None
    # What fits as it is comes before what can be made to fit.
    for how in (True,) if strict else (True, False):
        for part in parts:
            try:
                return fit(part, value, how)
            except _Unfit as unfit:
                last = last if part is type(None) else unfit
    raise last or _unfit("null", value)


def fit(kind, value, strict=False):
    """The value as `kind`; numbers in texts and the like are made to fit unless `strict`."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated or getattr(origin, "_name", None) in ("Required", "NotRequired"):
        return fit(parts[0], value, strict)
    if hasattr(kind, "__supertype__"):
        return fit(kind.__supertype__, value, strict)
    if kind is None or kind is type(None):
        if value is None:
            return None
        raise _unfit("null", value)
    if origin in _UNION_TYPES:
        return _union(parts, value, strict)
    if origin is typing.Literal:
        return _choose([(part, part) for part in parts], value, strict)
    if is_model(kind):
        return _model(kind, value)
    base = origin or kind
    if base in _SEQUENCES or base is tuple:
        return _sequence(base, parts, value, strict)
    if base in _MAPPINGS:
        return _mapping(parts, value, strict)
    return _plain(kind, value, strict) if isinstance(kind, type) else value


def _json_value(value):
    try:
        return json.loads(json.dumps(value.value if isinstance(value, enum.Enum) else value, allow_nan=False))
    except (TypeError, ValueError):
        return None


class Parameters:
    """What a function takes: `schema` for everybody, `bind` for a call."""

    def __init__(self, function):
        self._parameters = inspect.signature(function).parameters
        self._hints = _hints_of(function)
        self._takes_more = any(one.kind is one.VAR_KEYWORD for one in self._parameters.values())
        self.schema = self._make_schema()

    def _own(self):
        """(name, parameter, type, default, description) of each that can be given by name."""
        for name, parameter in self._parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            default, description = parameter.default, None
            if type(default).__name__ == "FieldInfo":
                description = default.description
                factory = getattr(default, "default_factory", None)
                default = factory() if factory else default.default
                if default is Ellipsis or "Undefined" in type(default).__name__:
                    default = _MISSING
            # Unannotated: a text, says the convention; any value is let through.
            yield name, parameter, self._hints.get(name, _MISSING), default, description

    def _make_schema(self):
        schemas, properties, required = _Schemas(), {}, []
        for name, _, kind, default, description in self._own():
            one = {"type": "string"} if kind is _MISSING else schemas.of(kind)
            if description:
                one = dict(one, description=description)
            if default is _MISSING:
                required.append(name)
            elif _json_value(default) is not None:
                one = dict(one, default=_json_value(default))
            properties[name] = one
        schema = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        if schemas.definitions:
            schema["$defs"] = schemas.definitions
        return schema

    def bind(self, given):
        """(positional, named) for the call. Raises ArgumentsError; what the function does not take is left out."""
        positional, named, wrong = [], {}, []
        for name, parameter, kind, default, _ in self._own():
            if name in given:
                try:
                    # What is left out by default may be given as null.
                    as_is = kind is _MISSING or (given[name] is None and default is None)
                    value = given[name] if as_is else fit(kind, given[name])
                except _Unfit as unfit:
                    wrong.append("%s: %s" % (name, unfit))
                    continue
            elif default is _MISSING:
                wrong.append("%s: is missing" % name)
                continue
            else:
                value = default
            if parameter.kind is parameter.POSITIONAL_ONLY:
                positional.append(value)
            else:
                named[name] = value
        if wrong:
            raise ArgumentsError("\n".join(wrong))
        if self._takes_more:
            named.update({name: value for name, value in given.items() if name not in self._parameters})
        return positional, named
