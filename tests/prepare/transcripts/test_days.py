"""KakaoTalk's and LINE's exports: the day in a line of its own, and messages with a time, in several languages."""

from pathlib import Path

import pytest

from gradschool.prepare.agents import key
from gradschool.prepare.dialogue import Turn, iso
from gradschool.prepare.recognize import kind_of
from gradschool.prepare.transcripts.days import day_of, speakers_before
from gradschool.prepare.transcripts.read import read_transcript

EXPORTS = {
    "KakaoTalk, Android, Korean": """\
온실 님과 카카오톡 대화
저장한 날짜 : 2024년 3월 12일 오후 2:10

2024년 3월 11일 오전 9:12
2024년 3월 11일 오전 9:12, 민지 : 장미 있어요?
2024년 3월 11일 오전 9:13, 민지님이 온실님을 초대했습니다.
2024년 3월 11일 오전 9:15, 온실 : 네,
두 가지 있습니다.
2024년 3월 12일 오후 2:05
2024년 3월 12일 오후 2:05, 민지 : 사진 2장
2024년 3월 12일 오후 2:06, 민지 : 이거요
2024년 3월 12일 오후 2:07, 온실 : 알겠습니다""",
    "KakaoTalk, iOS, Korean": """\
Talk_2024.3.12 14:10-1.txt
저장한 날짜 : 2024. 3. 12. 오후 2:10

2024년 3월 11일 월요일
2024. 3. 11. 오전 9:12, 민지 : 장미 있어요?
2024. 3. 11. 오전 9:13: 민지님이 들어왔습니다.
2024. 3. 11. 오전 9:15, 온실 : 네,
두 가지 있습니다.
2024년 3월 12일 화요일
2024. 3. 12. 오후 2:05, 민지 : 사진
2024. 3. 12. 오후 2:06, 민지 : 이거요
2024. 3. 12. 오후 2:07, 온실 : 알겠습니다""",
    "KakaoTalk, Windows, Korean": """\
온실 님과 카카오톡 대화
저장한 날짜 : 2024-03-12 14:10:03

--------------- 2024년 3월 11일 월요일 ---------------
민지님이 온실님을 초대했습니다.
[민지] [오전 9:12] 장미 있어요?
[온실] [오전 9:15] 네,
두 가지 있습니다.
지우님이 나갔습니다.
--------------- 2024년 3월 12일 화요일 ---------------
[민지] [오후 2:05] 이모티콘
[민지] [오후 2:06] 이거요
[온실] [오후 2:07] 알겠습니다""",
    "KakaoTalk, Windows, English": """\
온실 KakaoTalk Chats
Date Saved : 2024-03-12 14:10:03

--------------- Monday, March 11, 2024 ---------------
민지 invited 온실 to this chatroom.
[민지] [9:12 AM] 장미 있어요?
[온실] [9:15 AM] 네,
두 가지 있습니다.
--------------- Tuesday, March 12, 2024 ---------------
[민지] [2:05 PM] Photo
[민지] [2:06 PM] 이거요
[온실] [2:07 PM] 알겠습니다""",
    "KakaoTalk, Android, English": """\
KakaoTalk Chats with 온실
Date Saved : March 12, 2024, 2:10 PM

March 11, 2024, 9:12 AM
March 11, 2024, 9:12 AM, 민지 : 장미 있어요?
March 11, 2024, 9:15 AM, 온실 : 네,
두 가지 있습니다.
March 12, 2024, 2:05 PM
March 12, 2024, 2:06 PM, 민지 : 이거요
March 12, 2024, 2:07 PM, 온실 : 알겠습니다""",
    "LINE, Japanese": """\
[LINE] 온실とのトーク履歴
保存日時：2024/03/12 14:10

2024/03/11(月)
09:12\t민지\t장미 있어요?
09:13\t\t민지がメッセージの送信を取り消しました
09:15\t온실\t"네,
두 가지 있습니다."

2024/03/12(火)
14:05\t민지\t[スタンプ]
14:06\t민지\t이거요
14:07\t온실\t알겠습니다
14:08\t온실\t☎ 通話時間 1:23""",
    "LINE, Japanese with twelve hours and years of the emperor": """\
[LINE] 온실とのトーク履歴
保存日時：R6/03/12 14:10

R6/03/11(月)
午前9:12\t민지\t장미 있어요?
午前9:15\t온실\t"네,
두 가지 있습니다."

R6/03/12(火)
午後2:06\t민지\t이거요
午後2:07\t온실\t알겠습니다""",
    "LINE, English": """\
[LINE] Chat history with 온실
Saved on: 03/12/2024 14:10

Mon, 03/11/2024
09:12 AM\t민지\t장미 있어요?
09:15 AM\t온실\t"네,
두 가지 있습니다."

Tue, 03/12/2024
02:05 PM\t민지\t[File] plan.pdf
02:06 PM\t민지\t이거요
02:07 PM\t온실\t알겠습니다""",
    "LINE, Chinese": """\
[LINE] 與온실的聊天記錄
儲存日期：2024/3/12 14:10

2024/3/11（一）
上午09:12\t민지\t장미 있어요?
上午09:15\t온실\t"네,
두 가지 있습니다."

2024/3/12（二）
下午02:05\t민지\t[貼圖]
下午02:06\t민지\t이거요
下午02:07\t온실\t알겠습니다""",
    "LINE, Thai": """\
[LINE] ประวัติการสนทนากับ 온실
บันทึกวันที่: 2024/03/12 14:10

2024.03.11 วันจันทร์
09:12\t민지\t장미 있어요?
09:15\t온실\t"네,
두 가지 있습니다."

2024.03.12 วันอังคาร
14:06\t민지\t이거요
14:07\t온실\t알겠습니다""",
    "LINE, on a computer": """\
2024.03.11 星期一
09:12 민지 장미 있어요?
09:13 민지加入聊天室。
09:15 온실 네,
두 가지 있습니다.
2024.03.12 星期二
14:06 민지 이거요
14:07 온실 알겠습니다""",
}


def turns_of(text: str, tmp_path: Path) -> tuple[Turn, ...]:
    path = tmp_path / "chat.txt"
    path.write_text(text, encoding="utf-8")
    assert kind_of(path) == "transcript"
    (dialogue,) = read_transcript(path, "chat.txt")
    return dialogue.turns


@pytest.mark.parametrize("form", EXPORTS)
def test_each_export_gives_the_same_chat(form: str, tmp_path: Path) -> None:
    """Media, events and days are no part of any message."""
    turns = turns_of(EXPORTS[form], tmp_path)
    assert [(turn.speaker, turn.text, iso(turn.at)[:16]) for turn in turns] == [
        ("민지", "장미 있어요?", "2024-03-11T09:12"),
        ("온실", "네,\n두 가지 있습니다.", "2024-03-11T09:15"),
        ("민지", "이거요", "2024-03-12T14:06"),
        ("온실", "알겠습니다", "2024-03-12T14:07"),
    ]


def test_a_date_that_somebody_writes_stays_in_the_message(tmp_path: Path) -> None:
    turns = turns_of(
        '2024/03/11(月)\n09:12\tMin\t"When?\n2024/03/20(水)\nor later"\n09:15\tShop\tThe 20th\n'
        "09:16\tMin\t[Photo]\n09:17\tShop\tThanks: seen\n",
        tmp_path,
    )
    assert [turn.text for turn in turns] == ["When?\n2024/03/20(水)\nor later", "The 20th", "Thanks: seen"]
    assert {iso(turn.at)[:10] for turn in turns} == {"2024-03-11"}


def test_names_may_have_brackets_and_colons(tmp_path: Path) -> None:
    turns = turns_of(
        "--------------- Monday, March 11, 2024 ---------------\n[[VIP] Min: home] [9:12 AM] Is it: open?\n"
        "[Shop] [9:15 AM] Yes\n[[VIP] Min: home] [9:16 AM] Thanks\n[Shop] [9:17 AM] Bye\n",
        tmp_path,
    )
    assert [(turn.speaker, turn.text) for turn in turns][:2] == [("[VIP] Min: home", "Is it: open?"), ("Shop", "Yes")]


def test_other_chats_below_days_are_dated(tmp_path: Path) -> None:
    """Logs with a colon after the speaker, too."""
    turns = turns_of(
        "5 May 2024\n09:10 Ann: open?\n09:11 Bo: yes\n6 May 2024\n09:12 Ann: now?\n09:13 Bo: no\n", tmp_path
    )
    assert [iso(turn.at)[:10] for turn in turns] == ["2024-05-05", "2024-05-05", "2024-05-06", "2024-05-06"]
    assert [turn.text for turn in turns] == ["open?", "yes", "now?", "no"]


@pytest.mark.parametrize("line", ["we met on 5 May 2024 there at last", "12:30", "Fri", "", "call 030 1234567"])
def test_other_lines_are_no_days(line: str) -> None:
    assert day_of(line) == ()


def test_speakers_with_several_words_are_found_by_what_repeats() -> None:
    heads = ["Tony Chou hello", "Tony Chou is it open?", "Tony Chou thanks", "Shop yes", "Shop we are", "Nia left"]
    assert speakers_before(heads) == [
        ("Tony Chou", "hello"), ("Tony Chou", "is it open?"), ("Tony Chou", "thanks"), ("Shop", "yes"),
        ("Shop", "we are"), ("", "Nia left"),
    ]  # fmt: skip
    assert speakers_before(["Nia Lo hi"], [key("Nia Lo")]) == [("Nia Lo", "hi")]


def test_two_messages_are_a_chat_and_a_programme_is_none(tmp_path: Path) -> None:
    assert len(turns_of("[LINE] Chat\nMon, 03/11/2024\n09:12 AM\tMin\tOpen?\n09:15 AM\tShop\tYes\n", tmp_path)) == 2
    path = tmp_path / "programme.txt"
    times = ("09:00 Welcome", "09:30 Talk by Ann on roses", "10:30 Break", "11:00 Talk by Bo on sage", "12:00 Lunch")
    for day in ("11 March 2024", "2024.03.11 Monday"):
        path.write_text("\n".join((day, *times)))
        assert kind_of(path) == "document"
