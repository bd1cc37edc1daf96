"""Results of tools as JSON: what is no JSON value becomes the nearest one."""
import base64
import dataclasses
import datetime
import enum
import json


class TooLarge(Exception):
    """Says how large the result is."""


def _nearest(value):
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "__fields__") and hasattr(value, "json"):
        return json.loads(value.json())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, (set, frozenset)):
        return list(value)
    if hasattr(value, "tolist"):  # Numbers and arrays of numpy.
        return value.tolist()
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return {key: value[key] for key in value.keys()}
    return str(value)


def _with_text_keys(value):
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_text_keys(item) for item in value]
    return value


def _dumps(value, allow_nan=False):
    return json.dumps(value, default=_nearest, allow_nan=allow_nan, ensure_ascii=False)


def encode(value, bytes_max):
    """
    The JSON of what a tool returned, in UTF-8; a pair of success and payload is a list of two.
    Raises TooLarge, and what the encoder raises for a value that has no end.
    """
    parts = value if isinstance(value, tuple) else (value,)
    longest = max((len(part) for part in parts if isinstance(part, str)), default=0)
    if longest > bytes_max:
        raise TooLarge("over %d bytes" % longest)
    try:
        text = _dumps(value)
    except TypeError:
        text = _dumps(_with_text_keys(value))
    except ValueError as error:
        if "Circular" in str(error):
            raise
        # JSON has no infinity: null, as JavaScript writes it.
        text = _dumps(json.loads(_dumps(value, allow_nan=True), parse_constant=lambda name: None))
    encoded = text.encode("utf-8", "replace")
    if len(encoded) > bytes_max:
        raise TooLarge("%d bytes" % len(encoded))
    return encoded
