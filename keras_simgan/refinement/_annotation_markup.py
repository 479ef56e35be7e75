"""Moving the paths of XML and YAML without touching the rest of the text."""

from __future__ import annotations

import codecs
import json
import re
from xml.parsers import expat
from xml.sax import saxutils

from keras_simgan.refinement._annotation_names import Names, Unclear

# Attributes, and text between two tags, plain too.
_XML_VALUE = re.compile(
    r"""(?<==)"[^"<]*"|(?<==)'[^'<]*'|(?<=>)[^<>]+(?=<)|(?<=<!\[CDATA\[)[^\]<>]+(?=\]\]>)"""
)
_DECLARATION = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][\w.:-]*)["']""")
# Those of Python that are no character sets.
_NO_ENCODINGS = ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7")
# What follows the beginning of a line, `key:`, `-`, `[`, `{` or `,`: quoted, or up to a comment.
_YAML_VALUE = re.compile(
    r"""((?:^[ \t]*|[:,-][ \t]+|[\[{,][ \t]*))"""
    r"""("[^"\n]*"|'[^'\n]*'|[^\s"'\[\]{},\#&*!|>%@`-](?:(?!:[ \t])[^\[\]{},\n])*?)"""
    r"""(?=[ \t]*(?:\r?$|[ \t]\#|[,\]}]))""",
    re.MULTILINE,
)
_YAML_ROOT = re.compile(r"[ \t]*path[ \t]*:[ \t]*")
_YAML_PLAIN = re.compile(r"(?!.*(?:: |:$| #))[^\s\[\]{},\"'#&*!|>%@`?:-][^\[\]{},\r\n]*")


def rewrite_yaml(text: str, names: Names) -> str:
    """Moves the paths of a YAML text.

    Args:
        text: The text.
        names: What the names in it mean.
    """

    def moved(match):
        before, raw = match.groups()
        value = raw[1:-1] if raw[0] in "\"'" else raw
        line = text[text.rfind("\n", 0, match.start(2)) + 1 : match.start(2)]
        new = names.repointed(value, is_path=bool(_YAML_ROOT.fullmatch(line)))
        if new == value:
            return match.group()
        if raw[0] == "'":
            new = "'" + new.replace("'", "''") + "'"
        elif raw[0] == '"' or not _YAML_PLAIN.fullmatch(new):
            new = json.dumps(new, ensure_ascii=False)
        return before + new

    return _YAML_VALUE.sub(moved, text) if names.may_move(text) else text


def rewrite_xml(text: str, names: Names) -> str:
    """Moves the paths of an XML text.

    Args:
        text: The text.
        names: What the names in it mean.

    Raises:
        Unclear: If it is no well-formed XML, or declares entities.
    """
    parser = expat.ParserCreate("utf-8")
    parser.EntityDeclHandler = _refuse_entities
    try:
        parser.Parse(text.encode("utf-8", "surrogateescape"), True)
    except expat.ExpatError as error:
        raise Unclear(f"it is not well-formed XML ({error})") from error

    def moved(match):
        raw = match.group()
        quote = raw[0] if raw[0] in "\"'" and raw[-1] == raw[0] else ""
        value = raw[len(quote) : len(raw) - len(quote)]
        is_plain = text.endswith("<![CDATA[", 0, match.start())
        if not is_plain:
            value = saxutils.unescape(value, {"&quot;": '"', "&apos;": "'"})
        new = names.repointed(value)
        if new == value:
            return raw
        entities = {'"': "&quot;"} if quote == '"' else {"'": "&apos;"} if quote else {}
        return new if is_plain else quote + saxutils.escape(new, entities) + quote

    return _XML_VALUE.sub(moved, text)


def _refuse_entities(*declaration) -> None:
    raise Unclear("it declares entities of its own")


def xml_encoding(content: bytes) -> str:
    """The encoding that an XML file declares, UTF-8 where it declares none.

    Args:
        content: The file, in bytes of which one is one character of the declaration.

    Raises:
        Unclear: If it declares one that is not known.
    """
    found = _DECLARATION.match(content[:1024])
    name = found.group(1).decode() if found else "utf-8"
    try:
        encoding = codecs.lookup(name).name
        if encoding in _NO_ENCODINGS:
            raise LookupError
        "".encode(encoding)
    except (LookupError, UnicodeError, TypeError) as error:
        raise Unclear(f"its encoding {name!r} is not known") from error
    # Text that was UTF-16 once and was not when it was written.
    return "utf-8" if encoding in ("utf-16", "utf-32") else encoding
