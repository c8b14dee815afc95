"""Names of columns in many languages, each under its English word."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gradschool.data.assessment_languages import folded
from gradschool.data.formats import keys_by_name, plain

ARTICLE = "ال"  # before a noun in Arabic

ASKED = {
    "question": """
        frage preguntas pregunta domanda pergunta vraag pytanie otázka fråga spørgsmål spørsmål kysymys kérdés
        întrebare soru ερώτηση вопрос питання запитання въпрос прашање pitanje vprašanje küsimus klausimas
        jautājums კითხვა հարց сұрақ sual spurning pyetje 質問 問い 問題 问题 提问 提問 問 问 질문 문제 سؤال پرسش
        سوال שאלה प्रश्न सवाल প্রশ্ন கேள்வி ప్రశ్న ಪ್ರಶ್ನೆ ചോദ്യം પ્રશ્ન ਸਵਾਲ pertanyaan soalan câu_hỏi คำถาม
        swali tanong vraagstuk
    """,
    "query": """
        anfrage consulta richiesta requête zapytanie dotaz förfrågan lekérdezés sorgu запрос запит 查询 クエリ
        쿼리 استعلام
    """,
    "instruction": """
        anweisung aufgabe instrucción istruzione instrução consigne opdracht polecenie pokyn instruktion ohje
        utasítás instrucțiune talimat οδηγία инструкция задание завдання інструкція инструкции upute navodilo
        juhis instrukcija 指示 指令 지시 지시문 명령 تعليمات دستور הוראה निर्देश নির্দেশ instruksi arahan
        chỉ_dẫn hướng_dẫn คำสั่ง maagizo
    """,
    "input": """
        eingabe entrada entrée ingresso invoer wejście vstup inmatning bemenet girdi είσοδος ввод вход ввід 入力
        输入 輸入 입력 مدخل ورودی קלט इनपुट masukan
    """,
}
MATERIAL = {
    "context": """
        kontext contexte contexto contesto context kontekst kontextus bağlam συμφραζόμενα контекст 文脈
        コンテキスト 上下文 语境 문맥 맥락 سياق زمینه הקשר संदर्भ প্রসঙ্গ konteks ngữ_cảnh บริบท muktadha
        kontekstas konteksts konteksti
    """,
    "text": """
        texte texto testo tekst szöveg metin κείμενο текст 文章 テキスト 本文 文本 正文 텍스트 본문 نص متن טקסט
        पाठ পাঠ teks văn_bản ข้อความ maandishi tekstas teksts besedilo
    """,
    "document": """
        dokument documento documentos dokumentum belge έγγραφο документ 文書 文档 문서 وثيقة سند מסמך दस्तावेज़
        dokumen
    """,
    "article": """
        artikel artículo articolo artigo artykuł článek cikk makale άρθρο статья стаття 記事 기사 مقال מאמר लेख
    """,
    "sentence": """
        satz frase zdanie věta lause mondat cümle πρόταση предложение речення 文 句子 문장 جملة משפט वाक्य
    """,
}
ANSWER = """
    antwort antworten respuesta respuestas réponse réponses risposta risposte antwoord antwoorden resposta
    respostas odpowiedź odpowiedzi odpověď odpoveď svar vastaus válasz válaszok răspuns cevap yanıt απάντηση
    ответ ответы відповідь отговор одговор odgovor vastus atsakymas atbilde პასუხი պատասխան жауап cavab svör
    përgjigje 回答 答え 応答 返答 返信 答案 答复 回复 解答 答覆 回覆 답변 응답 대답 إجابة جواب رد پاسخ תשובה
    מענה उत्तर जवाब উত্তর பதில் సమాధానం ಉತ್ತರ ഉത്തരം જવાબ ਜਵਾਬ jawaban jawapan câu_trả_lời trả_lời คำตอบ jibu
    sagot
"""
OUTPUTS = {
    "output": """
        ausgabe salida sortie uitvoer wyjście výstup utdata kimenet çıktı έξοδος вывод выход вивід 出力 输出
        輸出 출력 مخرج خروجی פלט आउटपुट keluaran
    """,
    "label": """
        etikett etiqueta étiquette etichetta rótulo etykieta štítek címke etiket ετικέτα метка мітка ラベル 标签
        標籤 라벨 레이블 وسم برچسب תווית लेबल nhãn ป้ายกำกับ
    """,
    "category": """
        kategorie categoría catégorie categoria kategoria kategori kategória κατηγορία категория категорія
        カテゴリ カテゴリー 类别 分類 分类 類別 분류 카테고리 범주 فئة تصنيف دسته קטגוריה श्रेणी kategorija loại
        danh_mục หมวดหมู่
    """,
    "class": """
        klasse clase classe klasa třída klass osztály sınıf κλάση класс клас クラス 클래스 صنف מחלקה kelas
    """,
    "summary": """
        zusammenfassung resumen riassunto resumo samenvatting streszczenie shrnutí sammanfattning yhteenveto
        összefoglaló rezumat özet περίληψη краткое_содержание резюме 要約 摘要 总结 요약 ملخص خلاصه סיכום सारांश
        ringkasan tóm_tắt สรุป
    """,
    "translation": """
        übersetzung traducción traduction traduzione tradução vertaling tłumaczenie překlad översättning käännös
        fordítás traducere çeviri μετάφραση перевод переклад 翻訳 翻译 翻譯 번역 ترجمة ترجمه תרגום अनुवाद
        terjemahan bản_dịch คำแปล
    """,
}
OTHERS = {
    "options": """
        antwortmöglichkeiten auswahl opciones opzioni opções opcje možnosti alternativ vaihtoehdot seçenekler
        варианты варіанти 選択肢 选项 選項 선택지 보기 خيارات گزینه‌ها אפשרויות विकल्प pilihan lựa_chọn ตัวเลือก
    """,
    "system_prompt": "systemprompt 系统提示 系统提示词 システムプロンプト 시스템_프롬프트 системный_промпт",
    "subject": """
        betreff asunto objet oggetto assunto onderwerp temat předmět ämne emne aihe tárgy konu θέμα тема 件名
        主题 제목 موضوع
    """,
    "title": """
        titel título titre titolo tytuł titul otsikko cím titlu başlık τίτλος заголовок タイトル 标题 標題 عنوان
        כותרת शीर्षक judul tiêu_đề
    """,
    "message": """
        nachricht mensaje mensagem messaggio bericht wiadomość zpráva meddelande besked viesti üzenet mesaj
        μήνυμα сообщение повідомлення メッセージ 消息 메시지 رسالة پیام הודעה संदेश pesan tin_nhắn
    """,
}
ENGLISH = {
    folded(word): english
    for table in (OTHERS, {**OUTPUTS, "answer": ANSWER}, MATERIAL, ASKED)
    for english, words in table.items()
    for word in words.split()
}


@lru_cache(maxsize=4096)  # called for each key of each row
def english(key: str) -> str:
    """The English name of a column, if its name is known; else its plain name.

    >>> english("Frage"), english("السؤال"), english("câu trả lời"), english("Plain summary")
    ('question', 'question', 'answer', 'plain_summary')
    """
    name = plain(key)
    word = folded(name)
    return ENGLISH.get(word) or ENGLISH.get(word.removeprefix(ARTICLE)) or name


def columns_by_name(row: Mapping[str, Any]) -> dict[str, str]:
    """The keys of a row by their English names; a key in English goes before one in another language."""
    keys = keys_by_name(row)
    translated = {english(key): key for key in reversed(list(row))}
    return {**{name: key for name, key in translated.items() if name not in keys}, **keys}


def words_in(*tables: Mapping[str, str] | str) -> frozenset[str]:
    """The words of some tables, without accents."""
    texts = [text for table in tables for text in (table.values() if isinstance(table, Mapping) else (table,))]
    return frozenset(folded(word) for text in texts for word in text.split())
