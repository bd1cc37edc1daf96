"""A chat model of LangChain, chosen by its name."""
import os

_DEFAULT = "gpt-4.1"


def get_default_model():
    """`LLM_DEFAULT_MODEL`, or gpt-4.1."""
    return os.getenv("LLM_DEFAULT_MODEL") or _DEFAULT


def _class_of(package, name):
    try:
        return getattr(__import__(package), name)
    except ImportError as error:
        wanted = package.replace("_", "-")
        raise RuntimeError(
            "Cannot make a chat model: the Python package %s is not there (%s); "
            "put it into the extension's requirements.txt and install the extension again" % (wanted, error)
        ) from error


def get_chat_model(role=None, model=None, temperature=0.0, callbacks=None, **kwargs):
    """The model; `claude` in its name means Anthropic's, all else is OpenAI's or speaks its language."""
    name = model or get_default_model()
    if "claude" in name.lower():
        chat = _class_of("langchain_anthropic", "ChatAnthropic")
    else:
        chat = _class_of("langchain_openai", "ChatOpenAI")
    return chat(model=name, temperature=temperature, callbacks=callbacks, **kwargs)
