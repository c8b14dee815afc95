"""Words at which no sentence ends, such as "the" and "because", by language."""

import re

# `usual` words only show the language of a text; at the `open` ones no sentence of that language ends. Words that may
# end one are missing: "an" ends "Wir rufen Sie an", "of" ends "what it is made of".
USUAL = {
    "en": "to is in you it for that this be have are we with not on will can i at by from as if was of please",
    "de": "wir sie gibt mehr über nach bei ist sind nicht auf für mit dann es ich an haben wird kann bitte sich von zu",
    "fr": "est nous vous pas il elle pour dans avec ce cette sont par sur être je plus en s'il",
    "es": "es no se por con para una está son como usted lo si más puede muy esta este",
    "it": "è non per con si una sono come più questo questa può lo la le da ci",
    "pt": "é não para com uma se por está são como mais você isso pode foi este esta",
    "nl": "is niet wij u op met voor dat te zijn kan een wordt deze dit je we van",
    "sv": "är inte vi du på med för det den kan har som en ett",
    "da": "er ikke vi du på med for det den kan har som en et",
    "pl": "jest nie się na to jak są może proszę do o przez",
    "cs": "je není se na to jak jsou může prosím do o",
    "ru": "не это мы вы на как для по если можно есть его",
    "uk": "не це ми ви на як для по якщо можна є його",
    "ar": "لا هذا هذه هو هي مع إذا يمكن نحن ما",
    "hi": "है हैं नहीं यह हम आप कर ही भी था",
    "tr": "bir bu için değil olarak daha ne çok gibi",
    "id": "ini itu tidak anda kami akan bisa adalah pada",
    "vi": "là không bạn chúng tôi có được cho này một",
}
OPEN = {
    "en": "the a an and or because than your their our my whose every",
    "de": "und oder weil dass der die dem den des einen einem eine einer unsere ihre ihren zum zur vom im am sowie",
    "fr": "et ou le la les des du de au aux votre notre nos vos que car mais parce",
    "es": "y e o u el la los las del al de que en su sus nuestra nuestro porque pero un",
    "it": "e o il gli dei delle della del dello degli di che nel nella nelle un alla al ai alle ma",
    "pt": "e ou o os do da dos das de que em na num numa pelo pela ao mas",
    "nl": "en of de het een omdat uw onze",
    "sv": "och eller att eftersom",
    "da": "og eller fordi at",
    "pl": "i oraz lub że ponieważ w z dla od",
    "cs": "a nebo že protože v z",
    "ru": "и или чтобы в с к для из но от при",
    "uk": "і та або щоб в з для",
    "ar": "و أو في من على إلى أن لأن التي الذي عن",
    "hi": "और या कि क्योंकि लेकिन का के की से को ने",
    "tr": "ve veya çünkü ile",
    "id": "dan atau yang karena di untuk dari ke dengan",
    "vi": "và hoặc của vì để",
}
_USUAL = {language: frozenset(f"{words} {OPEN[language]}".split()) for language, words in USUAL.items()}
_OPEN = {language: frozenset(words.split()) for language, words in OPEN.items()}
_EVERY = frozenset().union(*_OPEN.values())
WORD = re.compile(r"[^\W\d_][^\W\d_\u0300-\u036f\u0900-\u0963'’]*(?:['’][^\W\d_]+)?|[\u0900-\u0963]+")
NOT_LATIN = "\u0370"  # letters of scripts of few languages, which show the language themselves
SAMPLE = 400  # characters of the end of a text, of which the language is taken
# "one of", "instead of" go on; "made of", "aware of" may end a sentence.
OF = re.compile(
    r"\b(?:(?:one|some|any|each|all|most|many|part|because|instead|front|number|copy|end|use|type|kind) of"
    r"|such as|so that|note that|in order to|as well as|due to|according to|based on"
    r"|zum Beispiel|par exemple|por ejemplo)$"
)
UNSPACED = re.compile(  # Chinese, Japanese and Korean words at the end of a text
    r"(?:因为|因為|以及|或者|但是|而且|如果|和|或|与|與|を|そして|しかし|または|および|なぜなら|그리고|하지만|또는|위해)$"
)


def open_word(text: str) -> str:
    """The word at the end of a text if no sentence of its language ends with it; empty otherwise."""
    if found := UNSPACED.search(text):
        return found[0]
    last = text.split()[-1] if text.strip() else ""
    if OF.search(text[-30:]):
        return last
    if last not in _EVERY:  # in capitals it is a name or a letter: "Plan A"
        return ""
    before = [word.casefold() for word in WORD.findall(text[-SAMPLE:])][:-1]
    counts = {language: sum(word in words for word in before) for language, words in _USUAL.items()}
    most = max(counts.values())
    likely = [language for language, count in counts.items() if count == most]
    known = most > 0 and all(last in _OPEN[language] for language in likely)
    return last if known or (not most and last > NOT_LATIN) else ""
