"""The C interface from include/hitherto.h, for hawkmoth.

Hawkmoth reads comments that begin with two stars, stand above what they speak of, and are reStructuredText. The
header's are plain text, and those of members stand behind them. So this module writes a copy of the header in
build/site-header, a file for each of its sections, with such comments; a public name without a comment is an error.
"""

import pathlib
import re
import textwrap

from sphinx.errors import ExtensionError

SETTING = r"\b(?:network|layer|cell|readout|loss|regulariser|init|learner|optimiser|train)\.[a-z]\w*"


def inline(text, functions, types):
    """A line of plain text as reStructuredText: names become links or code, and nothing else is markup."""
    def mark(found):
        word, behind = found["code"], r"\ " if found["behind"] else ""
        if word is None:
            return "\\" + found[0]
        name = word.strip("`").removesuffix("()")
        if name in functions:
            return f":c:func:`{name}`{behind}"
        if name in types:
            return f":c:type:`{name}`{behind}"
        return f"``{name}``{behind}"
    code = rf"`[^`]+`|\bhth_\w+(?:\(\))?|\bHTH_\w+|{SETTING}"
    return re.sub(rf"(?P<code>{code})(?P<behind>(?=[\w(\[]))?|[*`|\\_]", mark, text)


def prose(lines, functions, types):
    """Lines of a comment as reStructuredText: lists stay, lines that are set in become blocks of code."""
    out, depth, left, code = [], 0, 0, False
    for line in lines:
        indent, text = len(line) - len(line.lstrip()), line.strip()
        item = re.match(r"(- |\d+\. )", text)
        if item and depth == 0:
            left = indent  # a list begins at the margin
        indent -= min(left, indent)
        if not text:
            out.append("")
        elif not item and indent >= depth + 2:
            out += [] if code else ["", " " * depth + "::", ""]
            out.append(" " * indent + text)
            code = True
        else:
            if code or (item and out and out[-1]):
                out.append("")
            code, depth = False, indent + len(item[0]) if item else min(depth, indent)
            out.append(" " * indent + inline(text, functions, types))
    return out


def body(comment):
    """The lines of a comment without its marks."""
    lines = re.sub(r"^/\*+|\*/$", "", comment.strip()).split("\n")
    rest = [re.sub(r"^ *\* ?", "", line) for line in lines[1:]]
    return [line.rstrip() for line in [lines[0].strip(), *rest]]


class Header:
    """The header, its opening comment, and its sections as (title, text)."""

    def __init__(self, path):
        text = preprocessed(path.read_text())
        opening, text = re.match(r"(/\*.*?\*/)(.*)", text, re.S).groups()
        self.functions = set(re.findall(r"\b(hth_\w+)\(", re.sub(r"/\*.*?\*/", "", text, flags=re.S)))
        self.types = set(re.findall(r"^(?:typedef .*?|\} )\b(hth_\w+);", text, re.M))
        self.opening = self.prose(opening)
        pieces = re.split(r"/\* -{4} (.*?) -+ \*/\n", text)
        self.sections = list(zip(["Numbers and versions", *pieces[1::2]], pieces[::2]))

    def prose(self, comment):
        return prose(body(comment), self.functions, self.types)

    def documented(self, text):
        """The text with comments for hawkmoth, each above what it speaks of."""
        text = re.sub(r"^( *)([^\s/*#][^\n]*?) +(/\*(?:(?!\*/).)*\*/)$", r"\1\3\n\1\2", text, flags=re.M | re.S)

        def write(found):
            lines = self.prose(textwrap.dedent(found[1] + found[2]))
            return "\n".join([f"{found[1]}/**", *(f"{found[1]} * {line}".rstrip() for line in lines), f"{found[1]} */"])
        text = re.sub(r"^( *)(/\*.*?\*/)", write, text, flags=re.M | re.S)
        # Hawkmoth shows only members with a comment, one to a declaration: an empty one above those without.
        text = re.sub(r"^    (const )?(\w+) ([^;(\n]+);", one_by_one, text, flags=re.M)
        return re.sub(r"(?<!\*/\n)^    (?=[^\s/*#])", "    /** .. */\n    ", text, flags=re.M)


def one_by_one(found):
    """`int a, *b;` as two declarations."""
    return "\n".join(f"    {found[1] or ''}{found[2]} {name.strip()};" for name in found[3].split(","))


def preprocessed(text):
    """The header in C, in single precision, with the enum of status codes written out."""
    text = re.sub(r"#ifndef HITHERTO_H\n#define HITHERTO_H\n", "", text).rstrip().removesuffix("#endif")
    text = re.sub(r"#ifdef __cplusplus\n.*?#endif\n", "", text, flags=re.S)
    text = re.sub(r"#ifdef HTH_DOUBLE\n.*?#else\n(.*?)#endif\n", r"\1", text, flags=re.S)
    codes = re.findall(r'^    X\((HTH_\w+), "(.*?)"\)', text, re.M)
    listed = "".join(f"    {code}, /* {meaning} */\n" for code, meaning in codes)
    text = re.sub(r"/\* All status codes.*?\n\n", "", text, flags=re.S)
    return re.sub(r"#define HTH_STATUS_CODE.*?#undef HTH_STATUS_CODE\n", listed, text, flags=re.S)


def must_be_documented(text, title):
    """Every type and function of the header has a comment."""
    bare = re.findall(r"(?<!\*/\n)^(?:HTH_API|typedef)[^;{]*?\b(hth_\w+)(?:\(| \{|;)", text, re.M)
    if bare:
        raise ExtensionError(f"include/hitherto.h, {title}: no comment above {', '.join(bare)}")


def write_header(app, name, source):
    """Fills docs/site/c.rst: a section of the page for each section of the header."""
    if name != "docs/site/c":
        return
    folder = pathlib.Path(app.config.hawkmoth_root)
    folder.mkdir(parents=True, exist_ok=True)
    header = Header(pathlib.Path(app.srcdir, "include", "hitherto.h"))
    page, before = [source[0], *header.opening, ""], ""
    for number, (title, text) in enumerate(header.sections):
        text, file = header.documented(text), f"{number}.h"
        must_be_documented(text, title)
        (folder / file).write_text(before + text)
        page += [title, "-" * len(title), "", f".. c:autodoc:: {file}", ""]
        before = f'#include "{file}"\n'
    source[0] = "\n".join(page)


def setup(app):
    app.connect("source-read", write_header)
    return {"parallel_read_safe": True}
