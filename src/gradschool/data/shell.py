"""Recognize the commands of a shell, and whether they stop before their end."""

import re

COMMAND = re.compile(  # a line that begins with a known command, and has a sign of its use or one of its words
    r"\s*(?:\$ \S|(?:if|while|until) \[\[? |for \w+ in \S[^\n]*; *do\b|(?:sudo\s+|\w+=\S*\s+)*(?:"
    r"(?:git|docker|podman|kubectl|helm|npm|npx|yarn|pnpm|pip3?|apt|apt-get|dnf|brew|cargo|systemctl|journalctl|conda"
    r"|terraform|aws|gcloud|az|gh|uv)\s+(?:-|[a-z][a-z-]*(?:\s+[\w@:.=~^-]*[-/.:@=\d]|(?:\s+[a-z][\w-]*){0,3}\s*$))"
    r"|(?:ls|cd|cp|mv|rm|cat|mkdir|rmdir|touch|chmod|chown|grep|egrep|rg|find|sed|awk|tar|unzip|gzip|ssh|scp|rsync|curl"
    r"|wget|echo|export|source|python3?|node|bash|sh|zsh|kill|ps|df|du|head|tail|sort|uniq|wc|xargs|tee|ln|diff|crontab"
    r"|nano|vim|openssl|psql|mysql|sqlite3|ping|dig|ip|java|javac|gcc|perl|ruby|ollama|ffmpeg|jq|make|go)\b"
    r"(?=[^\n]*(?:\s--?[A-Za-z]|\s[|>]|&&|\S/|/\S|[$~*]|\.\w|['\"]))))"
)
CONTROL = re.compile(
    r"\s*(?:(?:if|while|until|for|case|elif)\b.*|(?:then|do|else|fi|done|esac)\b.*|\w+=\S*|#.*|set -\w+)\s*"
)
MIN_LINES = 0.6  # fraction of lines that are commands
MAX_LINES = 200  # at the end of a text that are looked at
OPEN = re.compile(r"(?:\||&&|\\|(?<=\s)[<>])$")
BLOCKS = (
    (re.compile(r"(?:^|[;\s])then\b"), re.compile(r"(?:^|[;\s])fi\b"), "if"),
    (re.compile(r"(?:^|[;\s])do(?=[;\s]|$)"), re.compile(r"(?:^|[;\s])done\b"), "do"),
    (re.compile(r"(?:^|[;\s])case\s+\S+\s+in\b"), re.compile(r"(?:^|[;\s])esac\b"), "case"),
)
HEREDOC = re.compile(r"<<-?\s*['\"]?([A-Za-z_]\w*)")


def is_shell(text: str) -> bool:
    """Whether a text consists of commands of a shell."""
    lines = [line for line in text.replace("\\\n", " ").split("\n") if line.strip()][-MAX_LINES:]
    commands = [line for line in lines if COMMAND.match(line)]
    control = sum(bool(CONTROL.fullmatch(line)) for line in lines if line not in commands)
    return bool(commands) and len(commands) + control >= MIN_LINES * len(lines)


def open_shell(text: str, bare: str) -> str:
    """Why commands stop early, as the end of a sentence; `bare` is their text without strings and comments."""
    for opens, closes, word in BLOCKS:
        if len(opens.findall(bare)) > len(closes.findall(bare)):
            return f"is code in which {word!r} is not closed"
    found = HEREDOC.search(text)
    if found and found[1] not in map(str.strip, text[found.end() :].split("\n")[1:]):
        return f"is code in which '<<{found[1]}' is not closed"
    if OPEN.search(bare):
        return f"is code that ends in the middle of a command, with {bare.split()[-1][-20:]!r}"
    return ""
