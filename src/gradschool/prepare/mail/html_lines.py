"""Convert the HTML of a mail to lines, with hints about quotes and signatures from its markup, in one pass."""

import re
from collections import Counter
from html.parser import HTMLParser

from gradschool.prepare.mail.emphasis import BOLD, emphasis_of
from gradschool.prepare.mail.lines import ANSWERED, QUESTION_ENDS, Hint, Line

SILENT = {"script", "style", "head", "title", "object", "template", "select", "button", "noscript", "svg"}
VOID = {"br", "hr", "img", "meta", "link", "input", "col", "area", "base", "wbr", "source", "param", "embed", "track"}
BREAKS = {"div", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "center",
          "section", "article", "header", "footer", "address", "dl", "dt", "dd", "body", "form", "tbody"}  # fmt: skip
APART = {"p", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre"}  # surrounded by empty lines
QUOTES = re.compile(r"gmail_quote|gmx_quote|protonmail_quote|tutanota_quote|yahoo_quoted|moz-cite|WordSection_quoted")
SIGNATURES = re.compile(
    r"(?:^|[\s_])(?:gmail_signature|moz-signature|protonmail_signature_block|ms-outlook-mobile-signature|signature"
    r"|applemailsignature|mail_signature|zimbra_signature|signature_block|tutanota_signature)",
    re.IGNORECASE,
)
REST = re.compile(
    r"(?:^|x_)(?:divRplyFwdMsg|appendonsend|OLK_SRC_BODY_SECTION|mail-editor-reference-message-container)$"
)
SPACE = re.compile(r"[ \t\r\n\f]+")
RULED = re.compile(r"border-top:(?!none|0|hidden)[^;]*solid|border-style:solidnonenone")  # Outlook's line above headers
MAX_HTML = 4_000_000  # characters of HTML; the rest is ignored
ENDS = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<![", "]"), ("<", ">"))  # of comments, sections and tags
MAX_DEPTH = 2_000  # nested tags; deeper ones are treated as flat


def html_lines(html: str) -> list[Line]:
    """The visible lines; markup of common mail programs marks quotes and signatures."""
    reader = _Reader()
    try:
        reader.feed(_closed(html[:MAX_HTML]))
        reader.close()
    except (ValueError, AssertionError, IndexError):  # broken declarations stop the parser; use the lines so far
        pass
    return reader.finish()


def _closed(html: str) -> str:
    """HTML in which nothing is opened that is never closed: the parser takes it for text after a search to the end."""
    for opening, closing in ENDS:
        end = html.rfind(closing) + 1  # 0 without any
        html = html[:end] + html[end:].replace(opening, f"&lt;{opening[1:]}")
    return html


class _Reader(HTMLParser):
    """Collects lines; `_open` has the open tags with the hint each sets (None: that of the enclosing tag)."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[Line] = []
        self._open: list[tuple[str, Hint | None]] = []
        self._emphases: list[str | None] = []  # that each of them sets
        self._styles: list[str] = []  # the emphasis of each piece of text in the line, and ANSWERED
        self._text = ""
        self._silent = 0
        self._pre = 0
        self._rest = False
        self._lists: list[int] = []  # the number of the next draft; -1 in a list without numbers
        self._names: Counter[str] = Counter()  # how many of each tag are open
        self._hints: list[Hint] = []  # of the open tags that set one
        self._quotes = 0  # open quotations
        self._starts_bold = False  # whether the current line begins with a bold word

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in VOID:
            self._void(tag, values)
            return
        if tag in SILENT:
            self._silent += 1
        if tag in BREAKS or tag == "p":
            self._end_line()
        if tag in APART and not self._is_tight(tag, values):
            self._empty_line()
        self._enter_list(tag)
        if tag == "pre":
            self._pre += 1
        if tag in ("td", "th") and self._text.strip():
            self._text = self._text.rstrip() + "\t"
        hint = self._hint_of(tag, values)
        if hint is not None:
            self._end_line()
        if len(self._open) < MAX_DEPTH:
            self._open.append((tag, hint))
            self._emphases.append(emphasis_of(tag, _compact(values.get("style", "")), values.get("color", "")))
            self._names[tag] += 1
            self._quotes += (tag, hint) == ("blockquote", "quoted")
            if hint is not None:
                self._hints.append(hint)

    def _void(self, tag: str, values: dict[str, str]) -> None:
        if tag == "br":
            self._end_line(keep_empty=True)
        elif tag == "hr":
            self._end_line()
            self._rest |= values.get("id", "") in ("stopSpelling", "zwchr")
        elif tag == "img" and len(values.get("alt", "")) <= 2:  # an emoji
            self._text += values.get("alt", "")

    def _is_tight(self, tag: str, values: dict[str, str]) -> bool:
        """Whether a paragraph has no space around it, as in Outlook, which separates with empty ones."""
        return tag == "p" and (
            "MsoNormal" in values.get("class", "") or "margin:0" in _compact(values.get("style", ""))
        )

    def _enter_list(self, tag: str) -> None:
        if tag in ("ul", "ol"):
            self._lists.append(1 if tag == "ol" else -1)
        elif tag == "li":
            number = self._lists[-1] if self._lists else -1
            self._text = f"{number}. " if number > 0 else "- "
            if number > 0:
                self._lists[-1] += 1

    def _hint_of(self, tag: str, values: dict[str, str]) -> Hint | None:
        name = f"{values.get('class', '')} {values.get('name', '')}"
        id_ = values.get("id", "")
        if REST.search(id_):
            self._end_line()
            self._rest = True
        if tag == "blockquote" and (
            values.get("type", "").lower() == "cite"
            or "cite" in values
            or QUOTES.search(name)
            or "border-left" in values.get("style", "").lower()
        ):
            return "quoted"
        if tag == "blockquote":
            return "indented"
        if "gmail_attr" in name or "moz-cite-prefix" in name or id_ == "reply-intro":
            return "attribution"
        if SIGNATURES.search(name) or SIGNATURES.search(id_) or "signature" in values.get("data-smartmail", ""):
            return "signature"
        if RULED.search(_compact(values.get("style", ""))):
            return "ruled"
        if "yahoo_quoted" in name or values.get("name", "") == "quote" or "protonmail_quote" in name:
            return "quoted"
        return None

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if tag in SILENT:
            self._silent = max(0, self._silent - 1)
        if tag in BREAKS or tag == "p":
            self._end_line(keep_empty=tag == "p")
        if not self._names[tag]:
            return
        while self._open:
            name, hint = self._open[-1]
            if hint is not None:
                self._end_line()
                self._hints.pop()
            self._open.pop()
            self._emphases.pop()
            self._names[name] -= 1
            self._quotes -= (name, hint) == ("blockquote", "quoted")
            if name == tag:
                break
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        if tag == "pre":
            self._pre = max(0, self._pre - 1)
        if tag in APART - {"p"}:
            self._empty_line()

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        data = data.replace("\u00a0", " ").replace("\u200b", "").replace("\ufeff", "")
        if self._pre:
            first, *others = data.split("\n")
            self._text += first
            for line in others:
                self._end_line(keep_empty=True)
                self._text = line
            return
        text = SPACE.sub(" ", data)
        if text.strip() and not self._text.strip():
            self._starts_bold = any(self._names[tag] for tag in BOLD)
            self._styles.clear()
        if text.strip():
            self._add_style()
        self._text += text.lstrip(" ") if not self._text.strip() or self._text.endswith(" ") else text

    def finish(self) -> list[Line]:
        """End the last line and return all lines."""
        self._end_line()
        return self.lines

    def _end_line(self, keep_empty: bool = False) -> None:
        text = self._text if self._pre else self._text.strip()
        self._text = ""
        if text.strip() and text != "-":
            hint = self._hint()
            text = "> " * (self._quotes - 1) + text.rstrip()  # what the quoted mail quotes
            styles = {*self._styles}
            emphasis = ANSWERED if ANSWERED in styles else self._styles[0] if len(styles) == 1 else ""
            self.lines.append(Line(text, "label" if self._starts_bold and not hint else hint, emphasis))
        elif keep_empty:
            self._empty_line()

    def _add_style(self) -> None:
        """Note the emphasis of the text that comes next in the line."""
        style = next((style for style in reversed(self._emphases) if style is not None), "")
        if style and self._styles[-1:] == [""] and self._text.rstrip().endswith(QUESTION_ENDS):
            self._styles.append(ANSWERED)
        self._styles.append(style)

    def _empty_line(self) -> None:
        if self.lines and self.lines[-1].text:
            self.lines.append(Line("", self._hint()))

    def _hint(self) -> Hint:
        if self._rest:
            return "rest"
        if "quoted" in self._hints:  # a signature inside a quote is quoted
            return "quoted"
        return self._hints[-1] if self._hints else ""


def _compact(style: str) -> str:
    """A style in lower case, without spaces."""
    return style.replace(" ", "").lower()
