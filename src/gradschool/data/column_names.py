"""Names of columns that people and public data sets use: for inputs, ideal answers, system messages and personas."""

import re

from gradschool.data.column_languages import ANSWER, words_in
from gradschool.data.column_languages import ASKED as ASKED_ELSEWHERE
from gradschool.data.column_languages import MATERIAL as MATERIAL_ELSEWHERE
from gradschool.data.column_languages import OUTPUTS as OUTPUTS_ELSEWHERE
from gradschool.data.corrections import REFERENCE


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# What is asked; all of them that a row has are read, in this order.
ASKED = _words(
    """
    instruction instructions prompt question query request user user_prompt user_message user_input user_query human
    utterance question_text question_stem problem task_input question_title question_body question_content
    question_details problem_statement user_question sql_prompt nl nl_query nl_question natural_language
    natural_language_query invocation
    """
)
# What it is asked about: read next to a question, or alone.
MATERIAL = _words(
    """
    input inputs input_text context contexts ctx passage passages paragraph paragraphs text texts document documents
    article story sentence sentences source_text premise hypothesis evidence knowledge background excerpt abstract
    dialogue dialog conversation chat turns transcript schema sql_context sql_schema db_schema database_schema
    create_table ddl table tables reference_text supporting_text support facts statement claim email mail code
    code_snippet starter_code signature tools functions available_tools
    """
)
CODES = {"code", "table", "tables"}  # texts, or names of something
# Inputs if a row has nothing else, because next to a question they are rarely part of it.
FALLBACK = _words(
    """
    body selftext content message description review comment post ticket source src subject title headline goal clause
    snippet paper note details
    """
)
INPUTS = ("prompt", "input", "question", "instruction", *ASKED, *MATERIAL, *FALLBACK)
HEADINGS = ("subject", "title", "headline")  # read before the input of FALLBACK that they head
ALWAYS = ("input", "context", "passage", "premise", "hypothesis")  # read however short they are
OUTPUTS = _words(
    """
    completion output answer answers response label_text label_name label labels category intent class target summary
    translation reply assistant ideal chosen best_answer correct_answer correct_answers short_answer short_answers
    final_answer gold gold_answer golden_answer golden_answers reference_answer expected_output expected solution
    ideal_answer target_text output_text answer_text response_text assistant_message model_answer assistant_response
    outputs tgt trg
    highlights tldr sentiment emotion topic tag tags targets sql ground_truth ground_truths expected_answer
    correct_response gold_response reference_response answer_key accepted_answer top_answer correct_option annotations
    bot_response agent_reply agent_response references answers_spans final_decision long_answer long_answers
    canonical_solution sql_query query_sql gold_sql sql_answer cypher cypher_query sparql sparql_query bash cmd
    gold_label dialogue_act dialog_act dialogue_acts act acts correct_answer_index correct_index cop answer_index
    answer_idx correct_idx label_idx gold_index
    """
)
CODED = ("query", "code", "statement", "program", "command", "script", "function", "expression", "patch")  # if code
PAIRS = (  # in order of precedence, because rows often have more keys than these two
    ("prompt", "completion"),
    ("prompt", "response"),
    ("prompt", "chosen"),
    ("instruction", "output"),
    ("instruction", "response"),
    ("input", "output"),
    ("question", "answer"),
    ("question", "answers"),
)
LAST_PAIRS = (("article", "abstract"), ("paper", "abstract"), ("body", "abstract"), ("full_text", "abstract"))
REPLIES = {
    *("completion", "output", "answer", "answers", "response", "reply", "assistant", "ideal", "chosen", "best_answer"),
    *("model_answer", "assistant_message", "assistant_response", "bot_response", "agent_reply", "agent_response"),
    *("response_text", "answer_text", "output_text", "final_answer", "solution", "accepted_answer", "top_answer"),
    *REFERENCE,
}
OTHER_ANSWERS = "other_answers"  # a list of right answers next to the ideal one
SYSTEMS = ("system", "system_prompt", "system_message", "system_instruction", "system_instructions", "sys_prompt")
PERSONAS = (  # what the one who answers is like: read with the system message
    *("persona", "personas", "personality", "bot_persona", "assistant_persona", "persona_description", "char_persona"),
    *("character_description", "character_card", "role_description"),
)
SERIES = re.compile(r"(sentence|question|text|premise|paragraph|passage|document|context)_?([1-9ab])")
# A document or text next to a question that is only named: a file, an address, a number, an identifier.
NAME, IN_NAMES = re.compile(r"[\w.:/\\~%?&=#@+-]+"), re.compile(r"[\d._/\\@]")
# In other languages, without accents.
OTHER_INPUTS = words_in(ASKED_ELSEWHERE, {"text": MATERIAL_ELSEWHERE["text"]})
OTHER_REPLIES = words_in(ANSWER)
OTHER_OUTPUTS = OTHER_REPLIES | words_in(
    OUTPUTS_ELSEWHERE, "resume краткое answer summary rewrite rewritten simplified translation"
)
