"""Recognise code and SQL among answers, and whether it stops before its end."""

import re

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
SYMBOL = re.compile(r"[=(){}\[\];<>]|::|->")

SQL = re.compile(
    r"\s*(?:--[^\n]*\n\s*)*(?:WITH\s+\w+|SELECT|INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|"
    r"(?:CREATE|ALTER|DROP|TRUNCATE)\s+(?:OR\s+REPLACE\s+)?(?:TEMP(?:ORARY)?\s+)?"
    r"(?:TABLE|VIEW|INDEX|UNIQUE|DATABASE|SCHEMA|FUNCTION|TRIGGER))\b",
    re.IGNORECASE,
)
SQL_SIGN = re.compile(r"[=*();_]|\w\.\w|'[^']*'|\b(?:SELECT|FROM|WHERE|UPDATE|SET|VALUES|JOIN|TABLE)\b")
SQL_OPEN = re.compile(
    r"\b(?:SELECT|DISTINCT|FROM|WHERE|AND|OR|NOT|JOIN|ON|BY|SET|VALUES|INTO|IN|LIKE|BETWEEN|AS|HAVING|UNION|LIMIT|CASE|"
    r"WHEN|THEN|ELSE|TABLE)$",
    re.IGNORECASE,
)

BLOCK = r"/\*(?:[^*/]|\*(?!/)|/(?!\*))*+\*/"  # a comment without another one in it: linear time
STRING = re.compile(r"\"\"\".*?\"\"\"|'''.*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|''|[^'\\\n])*'|`[^`]*`", re.DOTALL)
COMMENT = re.compile(rf"{BLOCK}|(?<![:\w])//[^\n]*|(?:(?<=\s)|^)#(?!include|define|!)[^\n]*", re.DOTALL | re.MULTILINE)
SQL_COMMENT = re.compile(rf"{BLOCK}|--[^\n]*", re.DOTALL)
DANGLING = re.compile(r"(?:[,=*/&|(\[{]|(?<!\+)\+|(?<!-)-|->|=>)$")
PAIRS = (("(", ")"), ("[", "]"), ("{", "}"))


def is_sql(text: str) -> bool:
    """Whether a text is an SQL statement; "Select the best one" is not."""
    return bool(SQL.match(text)) and bool(SQL_SIGN.search(text.rstrip(".")))


def is_code(text: str) -> bool:
    """Whether a text is source code: SQL, or mostly lines that look like code."""
    if is_sql(text):
        return True
    lines = [line for line in text.split("\n") if line.strip()]
    alike = sum(bool(LINE.match(line)) for line in lines)
    return bool(SYMBOL.search(text)) and alike >= MIN_LINES * len(lines) > 0


def open_code(text: str) -> str:
    """Why code stops early, as the end of a sentence; empty if it does not. Strings and comments are ignored."""
    sql = is_sql(text)
    bare = (SQL_COMMENT if sql else COMMENT).sub(" ", STRING.sub('""', text)).rstrip()
    for opening, closing in PAIRS:
        if bare.count(opening) > bare.count(closing):
            return f"is code in which {opening!r} is not closed"
    if bare.endswith(":") and LINE.match(bare.split("\n")[-1]):
        return "is code that ends before the block that its last line opens"
    last = bare.split()[-1][-20:] if bare.split() else ""
    if DANGLING.search(bare) or (sql and SQL_OPEN.search(bare)):
        return f"is code that ends in the middle of a statement, with {last!r}"
    return ""
