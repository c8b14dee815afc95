"""Words of many languages for assessments: names of keys and values, each under its English word."""

import unicodedata


def folded(text: str) -> str:
    """A text without accents: people write them or not, composed or decomposed."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if unicodedata.category(part)[0] != "M").casefold()


def _words(text: str) -> frozenset[str]:
    return frozenset(map(folded, text.split()))


def _in_english(table: dict[str, str]) -> dict[str, str]:
    """The English word for each word without accents; if several claim a word, the first."""
    return {folded(word): english for english, words in reversed(table.items()) for word in words.split()}


REJECTED = """
    abgelehnt ablehnung verworfen aussortiert zurückgewiesen rejeté rejetée refusé refusée écarté rechazado rechazada
    rifiutato rifiutata scartato scartata rejeitado rejeitada recusado recusada afgewezen afgekeurd odrzucone
    odrzucona odrzucony zamítnuto zamietnuté avvisad underkänd underkänt afvist avvist underkendt hylätty
    elutasítva respins reddedildi απορρίφθηκε отклонено отклонён отклонен отклонена отклонить отвергнуто не_принято
    відхилено 却下 不採用 不合格 拒绝 已拒绝 驳回 不通过 未通过 弃用 거부 거부됨 거절 반려 مرفوض נדחה ditolak từ_chối
    odbijeno zavrnjeno tagasi_lükatud atmesta noraidīts rebutjat رد_شده अस्वीकृत ปฏิเสธ বাতিল
"""
EXCLUDE = """
    ausschließen ausgeschlossen ausschluss weglassen ignorieren überspringen auslassen löschen gelöscht entfernen
    verwerfen nicht_verwenden nicht_nutzen nicht_benutzen nicht_trainieren nicht_für_training nicht_zum_training
    exclure exclu exclue ignorer supprimer supprimé ne_pas_utiliser ne_pas_entraîner pas_pour_entraînement excluir
    excluido ignorar descartar descartado eliminar eliminado borrar borrado no_usar no_utilizar no_entrenar
    escludere escluso ignorare scartare eliminare eliminato non_usare non_utilizzare non_addestrare excluído
    remover removido não_usar não_utilizar não_treinar uitsluiten uitgesloten negeren overslaan verwijderen
    verwijderd niet_gebruiken niet_trainen wyklucz wykluczyć wykluczone pomiń pominąć usuń nie_używać nie_trenować
    vyloučit nepoužívat uteslut använd_inte ekskluder brug_ikke älä_käytä kizár exclus hariç_tut kullanma исключить
    исключено игнорировать пропустить удалить удалено не_использовать не_обучать не_для_обучения виключити
    не_використовувати 除外 使用しない 学習しない 学習に使わない 使用不可 無視 削除 排除 是否排除 不使用 不采用
    不训练 不用于训练 忽略 跳过 删除 제외 사용안함 사용_안함 학습안함
    학습_제외 무시 삭제
    isključi izključi välista pašalinti izslēgt exclou استبعاد kecualikan jangan_dipakai jangan_gunakan
    loại_trừ ยกเว้น
"""
APPROVED = """
    freigegeben freigabe genehmigt geprüft angenommen approuvé approuvée validé validée accepté vérifié aprobado
    aprobada validado aceptado verificado approvato approvata accettato verificato aprovado aprovada aceito
    goedgekeurd geverifieerd zatwierdzone zatwierdzona zatwierdzony zaakceptowane schváleno godkänd godkänt
    godkendt godkjent hyväksytty jóváhagyva aprobat onaylandı εγκρίθηκε одобрено принято утверждено проверено
    схвалено 承認 承認済み 採用 采纳 采用 是否采用 通过 审核通过 승인 채택
    onay onaylı έγκριση εγκεκριμένο disetujui được_duyệt อนุมัติ אושר מאושר معتمد تایید تأیید स्वीकृत
    अनुमोदित одобрен odobreno aprovat heaks_kiidetud patvirtinta apstiprināts
"""
KEY_WORDS = _in_english(  # as plain names: in lower case, with underscores
    {
        "rating": """
            bewertung bewertungen benotung beurteilung einstufung wertung sterne punkte punktzahl güte évaluation
            appréciation étoiles calificación valoración puntuación evaluación estrellas valutazione voto giudizio
            punteggio stelle avaliação pontuação estrelas nota beoordeling waardering cijfer sterren
            ocena oceny hodnocení hodnotenie známka betyg omdöme bedömning bedømmelse vurdering arvosana
            arvio értékelés osztályzat evaluare notă calificativ değerlendirme puan βαθμολογία αξιολόγηση оценка
            рейтинг балл баллы оцінка 評価 評点 点数 採点 評価点 評価値 評定 レーティング スコア 评分 评价 打分 得分
            评级 評分 評價
            평가 평점 점수 별점 تقييم التقييم
            דירוג ציון रेटिंग मूल्यांकन đánh_giá xếp_hạng penilaian nilai skor คะแนน
            valoració puntuació ocjena hinnang hinne įvertinimas vertinimas vērtējums ارزیابی امتیاز نمره оцена
            মূল্যায়ন রেটিং மதிப்பீடு ریٹنگ การประเมิน tathmini შეფასება գնահատական баға qiymətləndirmə einkunn
            vlerësimi
        """,
        "note": "noten schulnote schulnoten zensur zensuren",  # may be German, where 1 is the best
        "quality": """
            qualität antwortqualität qualité calidad qualità qualidade kwaliteit jakość kvalita kvalitet laatu
            minőség calitate kalite ποιότητα качество якість 品質 質 质量 品质 품질 الجودة איכות
        """,
        "feedback": """
            rückmeldung rückmeldungen retour avis commentaire_utilisateur opinión retroalimentación riscontro
            parere opinião terugkoppeling opinia zpětná_vazba återkoppling tilbagemelding palaute visszajelzés
            geri_bildirim отзыв обратная_связь відгук フィードバック 反馈 回馈 피드백
        """,
        "satisfaction": """
            zufriedenheit kundenzufriedenheit satisfacción soddisfazione satisfação tevredenheid zadowolenie
            spokojenost nöjdhet tilfredshed tyytyväisyys elégedettség memnuniyet удовлетворенность
            удовлетворённость 満足度 满意度 만족도
        """,
        "comment": """
            kommentar kommentare bemerkung bemerkungen anmerkung anmerkungen hinweis notiz commentaire remarque
            comentario comentarios observaciones commento osservazioni comentário observação opmerking uwagi
            komentarz poznámka
            kommentti megjegyzés комментарий примечание コメント 備考 メモ 备注 评论 비고 메모
        """,
        "tags": "schlagwörter schlagworte étiquettes etiquetas etichette trefwoorden теги タグ 标签 태그",
        "thumbs": "daumen pouce pulgar pollice polegar duim kciuk палец 拇指",
        "status": """
            zustand bearbeitungsstatus prüfstatus statut état estado stato situação stan stav tillstånd tilstand
            tila állapot stare durum κατάσταση статус стан 状態 ステータス 状态 审核状态 상태 الحالة סטטוס
        """,
        "decision": """
            entscheidung urteil décision decisión decisione decisão beslissing decyzja rozhodnutí beslut beslutning
            päätös döntés decizie karar απόφαση решение рішення 判定 決定 审核 审核结果 判断 판정 결정 قرار החלטה
        """,
        "result": """
            ergebnis prüfergebnis résultat resultado risultato esito resultaat wynik výsledek resultat tulos
            eredmény rezultat sonuç αποτέλεσμα результат 結果 结果 결과 نتيجة תוצאה
        """,
        "good": """
            gut gute_antwort in_ordnung geeignet bon bonne bonne_réponse bueno buena buena_respuesta buono buona
            buona_risposta bom boa boa_resposta goed goed_antwoord dobra dobre dobry dobrá dobrý bra bra_svar god
            godt godt_svar hyvä jó bun bună iyi καλή хорошо хороший хорошая хороший_ответ добре 良い 良い回答 好
            好的回答 좋음
            좋은_답변
        """,
        "helpful": """
            hilfreich nützlich brauchbar utile útil nuttig bruikbaar behulpzaam pomocna pomocne użyteczne hjälpsam
            hyödyllinen hasznos yararlı полезно полезный корисно 役に立った 有用 有帮助 是否有用 도움됨 유용
        """,
        "correct": """
            richtig korrekt stimmt juste exact exacte correcte correcto correcta corretto corretta giusto giusta
            correto correta certo juist poprawna poprawne poprawny správně správná rätt riktig korrekt_svar oikein
            helyes corect doğru σωστό верно правильно верный правильный вірно 正しい 正确 是否正确 正確 맞음 정확
        """,
        "approved": APPROVED,
        "use": """
            verwenden nutzen benutzen verwendbar nutzbar verwendung übernehmen behalten utiliser à_utiliser
            utilisable garder conserver inclure usar utilizar incluir conservar mantener usare utilizzare includere
            tenere manter gebruiken behouden użyć używać použít använd använda behåll brug bruke käytä használ
            folosește kullan χρήση использовать включить оставить використовувати 使用 使用する 使用可 利用 可用
            是否可用 是否使用 使用可否
            사용 사용여부
            gunakan dipakai sử_dụng استخدام उपयोग ใช้ koristiti uporabi kasuta naudoti izmantot utilitza
        """,
        "train": """
            trainieren für_training fürs_training zum_training zum_trainieren training_ja_nein trainingsdaten
            lernen entraîner entraînement pour_entraînement pour_l_entraînement apprentissage entrenar
            entrenamiento para_entrenar para_entrenamiento addestrare addestramento per_addestramento treinar
            treinamento treino para_treino trainen voor_training trenować do_treningu träna eğit eğitim обучать
            обучение для_обучения навчання 学習 学習に使う 学習対象 训练 用于训练 是否训练 是否用于训练 학습 학습여부
            학습_사용
            latih pelatihan untuk_pelatihan huấn_luyện تدريب للتدريب آموزش אימון प्रशिक्षण ฝึก trenirati trénovat
            képzés tanítás antrenare εκπαίδευση mokymui apmācībai treenimiseks koulutus
        """,
        "bad": """
            schlecht schlechte_antwort mauvais mauvaise mauvaise_réponse malo mala mala_respuesta cattivo cattiva
            cattiva_risposta ruim má mau slecht slecht_antwoord zła złe zły špatně špatná dålig dåligt dårlig
            dårligt huono rossz prost kötü κακή плохо плохой плохая плохой_ответ погано 悪い 悪い回答 差 差评 坏 나쁨
            나쁜_답변
            loše loša slabo halb blogas slikts dolent بد سيئة
        """,
        "wrong": """
            falsch fehlerhaft unrichtig faux fausse incorrecte erroné incorrecto incorrecta erróneo equivocado
            sbagliato sbagliata errato errata scorretto incorreto incorreta errado errada fout onjuist verkeerd
            błędna błędne błędny błąd chybně fel felaktig forkert feil väärin helytelen hibás greșit yanlış λάθος
            неверно неправильно ошибочно ошибка невірно 誤り 間違い 不正解 错误 是否错误 錯誤 오류 오답 틀림
        """,
        "rejected": REJECTED,
        "exclude": EXCLUDE,
        "hallucination": """
            halluzination halluziniert halluzinationen hallucinatie alucinación allucinazione alucinação
            галлюцинация ハルシネーション 幻覚 幻觉 환각
        """,
        "outdated": "veraltet obsolète périmé obsoleto desactualizado verouderd przestarzałe устарело 古い 过时 오래됨",
    }
)
VALUE_WORDS = _in_english(
    {
        "bad": """
            nio schlecht schlechte schlechtes schlechter mangelhaft ungenügend unbrauchbar unzureichend miserabel
            katastrophal mies unpassend schwach ungeeignet mauvais mauvaise médiocre insuffisant insuffisante nul
            nulle inutilisable faible horrible mal malo mala pésimo pésima deficiente insuficiente inútil terrible
            inaceptable cattivo cattiva pessimo pessima scarso scarsa insufficiente inutile inaccettabile mau má ruim
            péssimo péssima fraco fraca inutilizável insatisfatório slecht slechte onvoldoende waardeloos onbruikbaar
            zły zła złe źle słaby słaba słabe fatalny niedostateczny niedostateczna špatný špatná špatné špatně
            nedostatečný zlý zlá dålig dåligt undermålig dårlig dårligt utilstrækkelig huono heikko rossz gyenge
            elégtelen prost proastă slab slabă nesatisfăcător kötü zayıf yetersiz berbat κακή κακό κακός ανεπαρκής
            плохо плохой плохая плохое ужасно ужасный неудовлетворительно неуд негодный слабо бесполезно погано
            поганий незадовільно 悪い 悪 だめ ダメ 駄目 不良 不可 低評価 不満 ひどい 最悪 差 很差 坏 糟糕 差评 不好
            不佳 不满意 劣 나쁨 나쁘다 별로 불량 불만족 미흡 부족 سيئ سيء ضعيف גרוע רע खराब buruk kém tệ แย่
            loše loš loša slabo dolent dolenta halb blogas bloga blogai slikts slikti بد ضعیف نامناسب лошо лош лоша
            зле খারাপ மோசம் மோசமான ไม่ดี mbaya ცუდი վատ жаман zəif lélegt keq jelek kurang kurang_baik
        """,
        "wrong": """
            falsch fehlerhaft unrichtig inkorrekt unwahr faux fausse incorrecte erroné erronée inexact incorrecto
            incorrecta erróneo errónea equivocado equivocada sbagliato sbagliata errato errata scorretto inesatto
            incorreto incorreta errado errada fout onjuist verkeerd błędny błędna błędne niepoprawny niepoprawna
            nesprávný chybný chybně fel felaktig felaktigt forkert feil väärä väärin helytelen hibás téves greșit
            incorect yanlış λάθος неверно неверный неправильно неправильный ошибка ошибочно невірно неправильна 誤り
            間違い 不正解 誤答 错误 错 錯誤 不正确 오류 오답 틀림 خطأ שגוי गलत salah sai
            netočno pogrešno krivo napačno neteisingas nepareizs نادرست غلط اشتباه ভুল தவறு ผิด არასწორი սխալ
            қате неправилно грешно погрешно
        """,
        "unhelpful": """
            unhilfreich unnütz nutzlos wertlos inservible niet_nuttig nutteloos nieprzydatny hyödytön haszontalan
            бесполезный 役に立たない 无用 没用 没有帮助 쓸모없음
        """,
        "rejected": REJECTED,
        "exclude": EXCLUDE,
        "negative": """
            negativ négatif négative negativo negativa negatief negatywna negatywny negativní negatív отрицательно
            отрицательный отрицательная негативно негативный ネガティブ 否定的 负面 消极 부정 부정적
        """,
        "dissatisfied": """
            unzufrieden insatisfait insatisfecho insoddisfatto insatisfeito ontevreden niezadowolony missnöjd
            utilfreds tyytymätön elégedetlen недоволен
        """,
        "thumbs_down": """
            daumen_runter runter hinunter nach_unten en_bas abajo giù para_baixo omlaag вниз 下 daumen_nach_unten
            pouce_en_bas pouce_baissé pulgar_abajo pollice_giù polegar_para_baixo
            duim_omlaag
        """,
        "low": """
            niedrig gering geringe bas basse bajo baja basso bassa baixo baixa laag niska niski niskie nízká nízký
            låg lav matala alacsony scăzut düşük χαμηλή низкое низкий низкая низко низька 低 低い 낮음 منخفض נמוך
        """,
        "ok": """
            mittel mittelmäßig mäßig durchschnittlich befriedigend ausreichend akzeptabel passabel genügend
            teils_teils moyen moyenne passable acceptable suffisant assez_bien regular aceptable suficiente medio
            media normal aceitável médio média razoável sufficiente discreto accettabile redelijk matig voldoende
            gemiddeld średni średnia średnie dostateczny przeciętny průměrný medel godkänd godkänt middel
            tilfredsstillende keskinkertainen tyydyttävä közepes elfogadható mediu satisfăcător orta μέτρια средне
            средний удовлетворительно нормально середньо 普通 まあまあ 可 中 一般 中等 还行 尚可 보통 중간 متوسط
            בינוני neutral neutre
            neutro neutraal нейтрально medium average fair moderate mixed so_so partial partially
        """,
        "good": """
            gut gute gutes guter super prima toll bestens hervorragend ausgezeichnet exzellent hilfreich brauchbar
            nützlich passend bon bonne bien excellent excellente parfait parfaite utile bueno buena excelente
            perfecto perfecta útil buono buona bene ottimo ottima eccellente perfetto perfetta bom boa ótimo ótima
            perfeito perfeita goed goede uitstekend nuttig dobry dobra dobre dobrze świetny świetna świetne
            doskonały dobrý dobrá dobré výborný výborně bra utmärkt god godt fremragende hyvä erinomainen jó kiváló
            bun bună excelent iyi mükemmel çok_iyi καλή καλό εξαιρετική хорошо хороший хорошая хорошее отлично
            отличный отличная прекрасно полезно добре відмінно 良い 良 優 優秀 好 很好 优 优秀 良好 好评 满意 高評価
            満足 좋음 좋다 우수 훌륭 만족
            جيد ممتاز טוב מצוין अच्छा baik tốt ดี
            dobro odlično hea geras gerai labs labi bona خوب عالی اچھا ভালো ভাল நல்ல நன்று ดีมาก nzuri კარგი լավ
            жақсы yaxşı gott mirë bagus добър добра
        """,
        "correct": """
            richtig korrekt juste exact exacte correcte correcto correcta corretto corretta giusto giusta correto
            correta certo certa juist poprawny poprawna poprawne správný správně rätt riktig oikein helyes corect
            doğru σωστό верно верный правильно правильный вірно 正しい 正解 正确 对 맞음 정답 صحيح נכון सही benar đúng
            točno pravilno õige teisingas pareizs درست صحیح সঠিক சரி ถูกต้อง sahihi სწორი ճիշտ дұрыс düzgün правилно
            вярно
        """,
        "positive": """
            positiv positif positivo positiva positief pozytywna pozytywny pozitivní положительно положительный
            позитивно ポジティブ 肯定的 正面 积极 긍정 긍정적
        """,
        "approved": APPROVED,
        "high": """
            hoch hohe élevé élevée haut haute alto alta hoog wysoka wysoki vysoká hög høj høy korkea magas ridicat
            yüksek υψηλή высокое высокий высокая висока 高 高い 높음 مرتفع גבוה
        """,
        "yes": """
            да так evet kyllä joo はい 有り 是 对的 对 예 네 ναι نعم כן ano igen ○ ◯ 〇 ⭕ 👌
            ya có vâng ใช่ हाँ हां بله হ্যাঁ ஆம் ndiyo კი այո иә bəli taip jah jā
        """,
        "no": """
            нет ні hayır ei いいえ 無し 否 不 不是 没有 아니오 아니요 아니다 όχι لا לא × ✕ ✖ ❎ 🚫
            ne nē tidak bukan không ไม่ ไม่ใช่ नहीं خیر نه না இல்லை hapana არა ոչ жоқ xeyr
        """,
    }
)
INTENSE = _words(
    """
    very quite rather really pretty extremely fairly somewhat too so totally sehr eher ziemlich recht wirklich ganz
    total extrem äußerst leider besonders très tres assez plutôt vraiment trop muy bastante realmente demasiado
    molto piuttosto abbastanza davvero muito zeer heel erg tamelijk bardzo raczej dość velmi mycket ganska meget
    ganske veldig erittäin melko nagyon elég foarte çok oldukça πολύ очень довольно совсем весьма дуже とても 非常に
    非常
    매우 아주
    völlig absolut komplett vollkommen completamente totalmente complètement totalement assolutamente completely
    absolutely совершенно абсолютно helemaal volledig zupełnie całkowicie
    """
)  # adverbs before a grade
NEGATIONS = _words(
    """
    not isnt nicht kein keine pas non no não nao niet nie ne inte ikke ei nem nu не δεν
    dont never ohne sans sin senza without kein keinesfalls jamais nunca mai nooit aldrig
    jangan tidak không ไม่ لا नहीं
    """
)
ANSWERS = _words(
    """
    answer answers response reply completion output model assistant bot ai llm antwort antworten ausgabe modell
    réponse sortie modèle respuesta salida modelo risposta modello resposta saída antwoord odpowiedź odpowiedzi
    odpověď svar svaret vastaus válasz răspuns cevap yanıt απάντηση ответ ответа відповідь відповіді 回答 応答 返答
    答案 回复
    答复 답변 응답 إجابة תשובה
    """
)  # what a key assesses, before or after the word for it
PEOPLE = _words(
    """
    user human customer expert reviewer annotator editor agent nutzer kunde kunden experte prüfer utilisateur
    client usuario cliente utente usuário gebruiker klant пользователь клиент эксперт ユーザー 用户 사용자
    """
)  # who assesses it
FILLERS = _words(
    """
    overall final gesamt ist is was war est es fue è é foi jest är er die der das the la le el il a o de this diese
    cette esta questa この 该 이 in to zu zum do does bitte please
    """
)  # words without meaning before the word for it
LINKS = _words(
    """
    of for der des von für de du d l la le del della dell da do per van voor af av para pour the die den het el fürs
    zum ins in a
    """
)  # between a noun and what it belongs to: "Bewertung der Antwort"
BEFORE_WORD = _words(
    """
    この回答の 回答の 応答の 返答の 回答 応答 返答 答案的 回复的 答案 回复 答复 是否 ユーザー 用户 답변 응답
    """
)  # the same in scripts without spaces
