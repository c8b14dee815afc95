"""Answers between quoted lines keep the paragraph that they answer."""

import pytest

from gradschool.prepare.mail.html_lines import html_lines
from gradschool.prepare.mail.lines import plain_lines
from gradschool.prepare.mail.quotes import split_quotes


def answer(text: str) -> str:
    return split_quotes(plain_lines(text), ["Ida"]).answer


def test_each_answer_stands_below_what_it_answers() -> None:
    quoted = "On 7 Mar 2024, Olav wrote:\n> Long story.\n>\n> Which day?"
    text = f"Hi Olav,\n\n{quoted}\n\nFriday.\n\n> Which boat?\n\nThe red one.\n\n> Olav"
    assert answer(text) == "Hi Olav,\n\n> Which day?\n\nFriday.\n\n> Which boat?\n\nThe red one."


def test_words_that_lead_to_a_quote_stay_with_it() -> None:
    text = "Your first question:\n> Which day?\n\nFriday.\n\nOlav wrote:\n> Which boat?\n\nThe red one."
    assert answer(text) == "Your first question:\n> Which day?\n\nFriday.\n\n> Which boat?\n\nThe red one."


def test_a_greeting_a_closing_and_a_postscript_around_one_quote_are_no_inline_answers() -> None:
    assert answer("Hi Olav,\n\n> Which day?\n\nFriday.\n\nIda") == "Hi Olav,\n\nFriday.\n\nIda"
    assert answer("Friday.\n\n> Which day?\n\nBest wishes\nIda") == "Friday.\n\nBest wishes\nIda"
    assert answer("Friday.\n\n> Which day?\n\nP.S. Bring rope.") == "Friday.\n\nP.S. Bring rope."


def test_quotes_of_html_get_quote_characters() -> None:
    quote = "<blockquote type=cite><p>{}</p></blockquote>"
    made = split_quotes(
        html_lines(f"{quote.format('Which day?')}<p>Friday.</p>{quote.format('Which boat?')}<p>Red.</p>")
    )
    assert made.answer == "> Which day?\n\nFriday.\n\n> Which boat?\n\nRed."


@pytest.mark.parametrize("prefix", ["Olav kirjutas millalgi:", "Olav wrote on 7 March:", "Ole, 7/3:"])
def test_text_above_and_below_one_quote_stays_without_the_quote(prefix: str) -> None:
    cited = "<div class='moz-cite-prefix'>{}<br></div><blockquote type='cite' cite='mid:x'>{}</blockquote>"
    one = f"<p>Thank you for the plan.</p>{cited.format(prefix, 'Which day?')}<p>Friday suits me.</p>"
    made = split_quotes(html_lines(one), ["Ida"])
    assert made.answer == "Thank you for the plan.\n\nFriday suits me." and not made.inline
    assert split_quotes(made.quoted).own == "Which day?"
    two = split_quotes(html_lines(one + cited.format(prefix, "Which boat?") + "<p>The red one.</p>"), ["Ida"])
    assert two.answer.endswith("> Which day?\n\nFriday suits me.\n\n> Which boat?\n\nThe red one.") and two.inline
    plain = f"Thank you for the plan.\n\n{prefix}\n> Which day?\n> Olav\n\nFriday suits me."
    assert answer(plain) == "Thank you for the plan.\n\nFriday suits me."


def test_what_a_quoted_mail_quotes_is_not_the_question() -> None:
    older = "<p>On 6.3.24 Ida wrote:</p><blockquote type='cite'>It leaks.</blockquote><p>Which day?</p>"
    made = split_quotes(
        html_lines(f"<p>On 7.3.24 Olav wrote:</p><blockquote type='cite'>{older}</blockquote><p>Friday.</p>")
    )
    assert made.answer == "Friday." and split_quotes(made.quoted).own == "Which day?"
