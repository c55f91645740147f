"""Works, matches and runs as HTML for notebooks, by macros of a template; what comes from data is escaped."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from provenance.display.text import number, percent, safe, short, size

MOST_ROWS = 50
MOST_TEXT = 600  # characters of an excerpt


def shown(macro: str, *values: object) -> str:
    """What a macro of the template makes of some values."""
    return str(getattr(_template().make_module({"most": MOST_ROWS}), macro)(*values))


def _excerpt(text: str) -> str:
    return "\n".join(map(safe, text[:MOST_TEXT].split("\n"))) + ("…" if len(text) > MOST_TEXT else "")


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("provenance.results"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters.update(percent=percent, safe_text=safe, short=short, size=size, excerpt=_excerpt)
    return environment.get_template("notebook.html.j2", globals={"number": number})
