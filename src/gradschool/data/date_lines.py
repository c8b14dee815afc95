"""Lines at the top of a text that give its date: a label such as "Date:", or the place and date of a letter.

What is due, born, valid until then, was printed or saved then, or has a date for a version number is no date of the
document.
"""

import re
from itertools import pairwise, starmap

from gradschool.data.dates import NAMED, day_of, iso_date

LINES, MAX_LINE, MAX_PLACE = 8, 80, 6  # at the top of a text, their characters, and words before the date of a letter
LABELS = re.compile(  # what a document calls its own date
    r"""(?:
    (?:the\ )?date(?:d|\ (?:of\ (?:issue|publication|letter|report|writing|this\ \w+)|written|issued|published
        |created|posted))?
    |(?:document|letter|report|issue|publication|publish|revision|invoice|creation|effective\ issue)\ date
    |(?:first\ |last\ |originally\ |page\ )?(?:updated?|revised|revision|modified|changed|edited|reviewed
        |published|posted|issued
        |created|written|amended)(?:\ (?:on|at))?
    |as\ (?:of|at)|current\ as\ of|letter\ dated|version\ of
    |stand(?:\ vom)?|datum|(?:brief|rechnungs|erstellungs|ausstellungs|veröffentlichungs|änderungs|ausgabe)datum
    |(?:zuletzt\ |letzte\ )?(?:aktualisiert|aktualisierung|geändert|änderung|bearbeitet|überarbeitet)(?:\ am)?
    |(?:veröffentlicht|erstellt|verfasst|geschrieben|herausgegeben)(?:\ am)?|(?:version|fassung|ausgabe|datiert)\ vom
    |fecha(?:\ de\ (?:emisión|publicación|actualización|creación|redacción))?
    |(?:última\ |ultima\ )?(?:actualización|actualizado|modificado|revisado|revisión|publicado|emitido
        |creado)(?:\ el)?
    |date\ de\ (?:publication|rédaction|création|mise\ à\ jour|l['’]émission)
    |(?:dernière\ )?(?:mise\ à\ jour|modification|révision)(?:\ le)?|(?:mis\ à\ jour|modifié|publié|rédigé|créé
        |émis|écrit|révisé)e?(?:\ le)?
    |data(?:\ (?:di|de)\ (?:emissione|pubblicazione|creazione|publicação|emissão|criação|atualização
        |aggiornamento|revisione))?
    |(?:ultim[oa]\ )?(?:aggiornamento|aggiornato|modifica|revisione)(?:\ (?:al|il))?|(?:pubblicato|creato|emesso
        |redatto)(?:\ il)?
    |(?:última\ )?(?:atualização|atualizado|modificação|revisão|publicado|emitido|criado)(?:\ em)?
    |(?:laatst\ )?(?:bijgewerkt|gewijzigd|herzien|gepubliceerd|geplaatst|opgesteld)(?:\ op)?|publicatiedatum
    |(?:senast\ )?(?:uppdaterad|ändrad|publicerad|reviderad|skapad)(?:\ den)?|(?:sist\ |sidst\ )?(?:oppdatert
        |opdateret|endret|ændret
        |publisert|udgivet)(?:\ den)?|dato
    |data\ (?:publikacji|wydania|aktualizacji|utworzenia|sporządzenia)|(?:ostatnia\ )?(?:aktualizacja|zmiana)
    |(?:zaktualizowano|opublikowano|utworzono)|(?:aktualizováno|vydáno|vytvořeno|zveřejněno)(?:\ dne)?|päivämäärä
        |päivitetty|julkaistu
    |tarih|güncelleme|son\ güncelleme|yayın\ tarihi|kelt|dátum|frissítve|ημερομηνία|τελευταία\ ενημέρωση
    |дата(?:\ (?:публикации|обновления|создания|составления|документа|письма))?|(?:последнее\ )?обновление
        |обновлено|опубликовано|создано
    |дата\ (?:публікації|оновлення)|оновлено|опубліковано
    |التاريخ|تاريخ(?:\ (?:النشر|الإصدار|التحديث))?|آخر\ تحديث|दिनांक|तारीख|वันที่|ngày(?:\ cập\ nhật)?|tanggal
    |(?:发布|發布|更新|最后更新|最後更新|撰写|修订|修訂|创建|文件)?(?:日期|时间|時間|日)|日付|作成日|更新日|最終更新日?|発行日|公開日|改訂日
    |날짜|작성일|수정일|게시일|발행일|최종\ ?수정일?
    )""",
    re.IGNORECASE | re.VERBOSE,
)
VALUE = re.compile(
    rf"(?:{NAMED.pattern})|\d{{1,2}}[./-]\d{{1,2}}[./-](?:\d{{4}}|\d{{2}})|\d{{4}}[./-]\d{{1,2}}[./-]\d{{1,2}}"
)
AFTER = re.compile(  # what may follow a date: its time, its author
    r"(?:г?\.|(?:,\s?)?(?:(?:at|um|à|alle|om|kl\.?)\s)?\d{1,2}[:.]\d{2}\b.*|(?:by|von|par|por|da|door|av)\s.{1,40}"
    r"|[·|–—-]\s.{1,40}|\(.{1,40}\))?"
)
COLON = re.compile(r"\s*[:：=]\s*|\s+")
DAYS = re.compile(  # names of days of the week, in full or short
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|satur|sat|sun)(?:day)?|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend"
    r"|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
    r"|lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica|(?:segunda|terça|quarta|quinta|sexta)-feira"
    r"|maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag",
    re.IGNORECASE,
)
# Before the comma of "Leeds, 3 May 2024": a place or a name, each word of it with a capital.
PLACE = re.compile(
    r"[^\W\d_a-zß-öø-ÿ][^\W\d_]*+['’.]?(?:[-'’][^\W\d_]++)*+"
    r"|den?|del?|of|upon|on|the|an|am|im|in|bei|unter|la|le|las|los|el|di|sur|aan|zu"
)
LINKS = {"the", "den", "le", "el", "il", "a", "am", "on", "vom", "dne", "dnia"}
NO_PLACE = re.compile(  # what a date is for, where it is not the document's
    r"\b(?:due|born|died|expir\w+|valid|version|v|deadline|until|before|from|to|birth\w*|retrieved|accessed|cited|meeting"
    r"|event|fällig\w*|geboren|gestorben|gültig\w*|frist|bis|ab|vence|vencimiento|nacid[oa]|válid[oa]|échéance|expire|née?|valable|scadenza"
    r"|nat[oa]|valid[oa]|nascid[oa]|validade|geldig|geboren|abgerufen|consulté|consultado|invoice|order|rechnung|bestellung|termin)\b",
    re.IGNORECASE,
)


def date_line(text: str) -> str:
    """The date of a text by a line at its top, in ISO 8601; empty if none gives it, or if several lines are only dates.

    A labelled date goes before one of a letter; the first one counts.
    """
    lines = [_plain(line) for line in text.split("\n", 40)[:40] if line.strip()][:LINES]
    lines = [line if len(line) <= MAX_LINE else "" for line in lines]
    if labelled := next(filter(None, map(_labelled, lines)), ""):
        return labelled
    alone = [
        date
        for before, line in zip(["", *lines], lines, strict=False)
        if not before.endswith((":", "：")) and (date := _alone(line))
    ]
    if below := next(filter(None, starmap(_below, pairwise(lines))), ""):
        return below
    return alone[0] if len({date[:10] for date in alone}) == 1 else ""


def _plain(line: str) -> str:
    """A line without emphasis and the marks of a heading; a row of a table with two cells is a label with its value."""
    line = re.sub(r"\*+|__+", "", line).strip().lstrip("#+: \t_").rstrip("_ \t")
    if line.startswith("|"):
        cells = [cell.strip().rstrip(":") for cell in line.strip("|").split("|")]
        return f"{cells[0]}: {cells[1]}" if len(cells) == 2 and LABELS.fullmatch(cells[0]) else ""
    return "" if line.startswith((">", "-", "[", "(")) else line


def _labelled(line: str) -> str:
    """The date of a line such as "Last updated: 3 May 2024"; the label names the document's own date."""
    for colon in COLON.finditer(line):
        if LABELS.fullmatch(line[: colon.start()].strip()):
            rest = line[colon.end() :]
            if day := DAYS.match(rest):
                rest = rest[day.end() :].lstrip(" ,.")
            first, _, others = rest.partition(" ")
            if date := _value(others if first.casefold() in LINKS else rest):
                return date
    found = VALUE.search(line)
    caseless = found and found.start() and line[found.start() - 1 : found.start()] > "\u0900"  # "更新日2024年5月3日"
    return _value(line[found.start() :]) if found and caseless and LABELS.fullmatch(line[: found.start()]) else ""


def _below(label: str, line: str) -> str:
    """The date of a line that is only a date, below a label."""
    return _value(line) if label.endswith((":", "：")) and LABELS.fullmatch(label.rstrip(" :：")) else ""


def _alone(line: str) -> str:
    """The date of a line with nothing but a place, a name or a day of the week before it."""
    found = NAMED.search(line)
    after = line[found.end() :].strip() if found else ""
    if not found or not AFTER.fullmatch(after) or after[:1] in tuple("·|–—-("):
        return ""
    words = line[: found.start()].split()
    while words and words[-1].casefold() in LINKS:
        words.pop()
    head = " ".join(words)
    place = head.rstrip(",、，·|–— ")
    if not head or DAYS.fullmatch(place.rstrip(".")):
        return day_of(found)
    if (day := DAYS.search(place)) and place[: day.start()].rstrip().endswith(",") and day.end() == len(place):
        place = place[: day.start()].rstrip(", ")
    elif day:  # "By Friday, 3 May 2024"
        return ""
    if place == head or NO_PLACE.search(place) or len(words) > MAX_PLACE:
        return ""
    caseless = not re.search(r"[A-Za-zА-яͰ-Ͽ]", place)
    return day_of(found) if caseless or all(map(PLACE.fullmatch, place.replace(",", " ").split())) else ""


def _value(text: str) -> str:
    """A date at the beginning of a text, after which there is only its time or its author."""
    found = NAMED.match(text)
    if found and AFTER.fullmatch(text[found.end() :].strip()):
        return day_of(found)
    found = VALUE.match(text)
    return iso_date(found[0]) if found and AFTER.fullmatch(text[found.end() :].strip()) else ""
