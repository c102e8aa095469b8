"""The table of contents of the site is docs/index.md itself: each heading with a list of links there is a group."""

import posixpath
import re

#: Pages that only the site has, by the heading of docs/index.md that they stand below.
GENERATED = {"Reference": ["/docs/site/python", "/docs/site/c"]}


def groups(page):
    """(heading, pages in their order) for each section of the landing page that lists pages."""
    for heading, text in re.findall(r"^## (.*)\n((?:(?!^## ).*\n?)*)", page, re.M):
        links = re.findall(r"^- .*?\]\(([^)#]*\.md)\)|^  .*?\]\(([^)#]*\.md)\)", text, re.M)
        pages = ["/" + posixpath.normpath("docs/" + (first or second)).removesuffix(".md") for first, second in links]
        yield heading, pages + GENERATED.get(heading, [])


def add_tables(app, name, source):
    """Appends the groups to the landing page, as tables of contents that only the side bar shows."""
    if name != app.config.root_doc:
        return
    for heading, pages in groups(source[0]):
        if pages:
            source[0] += "\n".join(["\n```{toctree}", ":hidden:", f":caption: {heading}", "", *pages, "```\n"])


def setup(app):
    app.connect("source-read", add_tables)
    return {"parallel_read_safe": True}
