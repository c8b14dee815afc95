"""Names of columns that people and public data sets use: for inputs, ideal answers, system messages and personas."""

import re

from gradschool.data.assessment_languages import folded
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
OTHER_INPUTS = frozenset(
    _words(
        folded(
            """
            frage anfrage eingabe aufgabe anweisung pregunta consulta entrada instrucción domanda richiesta vraag
            pergunta instrução texte texto consigne pytanie zapytanie polecenie otázka dotaz fråga spørgsmål spørsmål
            kysymys kérdés întrebare soru ερώτηση вопрос запрос задание запит питання въпрос 質問 問い 問題 入力 指示
            问题 提问 问 输入 指令 질문 입력 지시 문제 سؤال שאלה प्रश्न pertanyaan câu_hỏi
            """
        )
    )
)
OTHER_REPLIES = frozenset(
    _words(
        folded(
            """
            antwort antworten respuesta réponse risposta antwoord resposta odpowiedź odpověď odpoveď svar vastaus válasz
            răspuns cevap yanıt απάντηση ответ відповідь одговор 回答 答え 応答 返答 返信 答案 答复 回复 解答 답변 응답
            대답 إجابة جواب תשובה उत्तर jawaban câu_trả_lời
            """
        )
    )
)
OTHER_OUTPUTS = OTHER_REPLIES | frozenset(
    _words(
        folded(
            """
            ausgabe salida zusammenfassung resumen résumé resume riassunto resumo samenvatting streszczenie
            sammanfattning kategorie categoría catégorie categoria kategoria категория etikett etichetta übersetzung
            traducción traduction traduzione tradução vertaling tłumaczenie перевод вывод краткое_содержание 要約 翻訳
            出力 ラベル 分類 摘要 翻译 输出 标签 类别 요약 번역 출력 분류
            answer summary rewrite rewritten simplified translation
            """
        )
    )
)
