"""Recognize code and SQL among answers, and whether it stops before its end."""

import re

from gradschool.data.shell import is_shell, open_shell

KNOWN = (  # how a line of code begins, in common languages
    r"(?:async |export |public |private |protected |static |final |abstract |pub )*"
    r"(?:(?:def|class|import|from [\w.]+ import|return|const|let|var|function|func|fn|struct|enum|interface|package|"
    r"using|namespace|elif|else|try|except|finally|catch|throw|raise|yield|await|print|echo)\b|#include|#define|#!|"
    r"(?:if|for|while|switch|match|with)\b.*[:{(]|<\?php|<\w++[^>]*+>|</\w+>|end\b|fi\b|done\b|\$ ?\w+|@\w+)"
)
LINE = re.compile(
    rf"\s*+(?:{KNOWN}"
    r"|[\w.\[\]\"'$]+\s*(?:[-+*/|&:?]?=|=>|->|:=)\s*\S|[\w.$]++(?:::\w*+)?\(|.*(?:[;{}]|\)\s*:)\s*$|[)\]}]|//|/\*|\*/)"
)
MIN_LINES = 0.6  # fraction of lines that look like code
MAX_LINES = 200  # at the end of a text that are looked at
SYMBOL = re.compile(r"[=(){}\[\];<>]|::|->")

SQL = re.compile(
    r"\s*(?:--[^\n]*\n\s*)*(?:WITH\s+(?:RECURSIVE\s+)?\w+\s*(?:\([^()]*\)\s*)?AS|SELECT|INSERT\s+INTO|"
    r"UPDATE\s+\S+(?:\s+(?:AS\s+)?\w+)?\s+SET|DELETE\s+FROM|MERGE\s+INTO|"
    r"(?:CREATE|ALTER|DROP|TRUNCATE)\s+(?:OR\s+REPLACE\s+)?(?:TEMP(?:ORARY)?\s+)?"
    r"(?:TABLE|VIEW|INDEX|UNIQUE|DATABASE|SCHEMA|FUNCTION|TRIGGER))\b",
    re.IGNORECASE,
)
GRAPH_QUERY = re.compile(
    r"\s*(?:(?:OPTIONAL\s+)?MATCH\s*(?:\w+\s*=\s*)?\(|(?:PREFIX\s+\S*:\s*<|(?:SELECT|ASK|CONSTRUCT|DESCRIBE)\b[^{]{0,200}\{))",
    re.IGNORECASE,
)
SQL_SIGN = re.compile(r"[=*();_]|\w\.\w|'[^']*'|\b(?:SELECT|FROM|WHERE|UPDATE|SET|VALUES|JOIN|TABLE)\b")
SQL_OPEN = re.compile(
    r"\b(?:SELECT(?:\s+\*)?|DISTINCT|FROM|WHERE|AND|OR|NOT|JOIN|LEFT|INNER|OUTER|ON|BY|SET|VALUES|INTO|IN|LIKE|BETWEEN|"
    r"AS|IS|EXISTS|HAVING|UNION|LIMIT|CASE|WHEN|THEN|ELSE|TABLE)$|[<>/]$",
    re.IGNORECASE,
)
CASE, CASE_END = re.compile(r"\bCASE\b", re.I), re.compile(r"\bEND\b", re.I)

BLOCK = r"/\*(?:[^*/]|\*(?!/)|/(?!\*))*+\*/"  # a comment without another one in it: linear time
STRING = r"\"\"\".*?\"\"\"|'''.*?'''|\"(?:\\.|[^\"\\\n])*+\"|'(?:\\.|''|[^'\\\n])*+'|`[^`]*+`"
COMMENT = rf"{BLOCK}|(?<![:\w])//[^\n]*|(?:(?<=\s)|^)#(?!include|define|!)[^\n]*"
TOKEN = re.compile(rf"{STRING}|{COMMENT}", re.DOTALL | re.MULTILINE)  # what begins first counts: no comment in a string
SQL_TOKEN = re.compile(rf"{STRING}|{BLOCK}|--[^\n]*", re.DOTALL)
QUOTED = "0"  # in the place of a string
DANGLING = re.compile(r"(?:[,=(\[{]|(?<=\s)[*/%&|<>]|[&|]{2}|(?<!\+)\+|(?<!-)-|->|=>|(?:[)\]]|[=(>]\s*\w+|\.\w+)\.)$")
WHOLE = re.compile(r"(?:^|\n)[A-Z][A-Z0-9_.]*=$|\bimport \*$")  # API_KEY= in a file of settings
OPEN_STRING = re.compile(r"(?:^|[\s=(\[{,:+])([\"'`])(?=\S)")
PAIRS = (("(", ")"), ("[", "]"), ("{", "}"))


def is_sql(text: str) -> bool:
    """Whether a text is an SQL statement; "Select the best one" is not."""
    return bool(SQL.match(text)) and bool(SQL_SIGN.search(text.rstrip(".")))


def is_graph_query(text: str) -> bool:
    """Whether a text is a query of a graph in Cypher or SPARQL."""
    return GRAPH_QUERY.match(text) is not None


def is_code(text: str) -> bool:
    """Whether a text is source code: SQL, commands of a shell, or mostly lines that look like code."""
    if is_sql(text) or is_shell(text):
        return True
    lines = [line for line in text.split("\n") if line.strip()][-MAX_LINES:]
    alike = sum(bool(LINE.match(line)) for line in lines)
    return bool(SYMBOL.search(text)) and alike >= MIN_LINES * len(lines) > 0


def open_code(text: str) -> str:
    """Why code stops early, as the end of a sentence; empty if it does not. Strings and comments are ignored."""
    sql = is_sql(text)
    bare = (SQL_TOKEN if sql else TOKEN).sub(lambda found: QUOTED if found[0][0] in "\"'`" else " ", text).rstrip()
    for opening, closing in PAIRS:
        if bare.count(opening) > bare.count(closing):
            return f"is code in which {opening!r} is not closed"
    if mark := _open_string(bare, sql=sql):
        return f"is code that ends inside a string, which opens with {mark}"
    if not sql and is_shell(text):
        return open_shell(text, bare)
    line = bare.split("\n")[-1]
    if bare.endswith(":") and LINE.match(line):
        return "is code that ends before the block that its last line opens"
    open_sql = sql and (SQL_OPEN.search(bare) or len(CASE.findall(bare)) > len(CASE_END.findall(bare)))
    decorator = line.strip().startswith("@") and "\n" in bare
    if open_sql or decorator or (DANGLING.search(bare) and not WHOLE.search(bare)):
        return f"is code that ends in the middle of a statement, with {bare.split()[-1][-20:]!r}"
    return ""


def _open_string(bare: str, *, sql: bool) -> str:
    """The mark of a string that code does not close, if it has no whole strings any more."""
    for mark in ('"""', "'''"):
        if mark in bare:
            return mark
    found = [match[1] for match in OPEN_STRING.finditer(bare.split("\n")[-1])]
    return next((mark for mark in found if sql or bare.count(mark) % 2), "")
