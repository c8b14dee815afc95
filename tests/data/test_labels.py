"""Which answers are class labels, and which labels are one."""

from gradschool.data.labels import class_issues, classes


def test_labels_are_one_in_any_quotes_and_unicode_form(make):
    forms = ["can't", "can\u2019t", "can't", "caf\u00e9", "cafe\u0301", "caf\u00e9", "CAN'T", "CAN'T"]
    counts = classes([make(n, f"question {n}", form) for n, form in enumerate(forms)])
    assert counts is None  # three labels need nine examples
    counts = classes([make(n, f"question {n}", form) for n, form in enumerate([*forms, "can't"])])
    assert counts == {"can't": 4, "caf\u00e9": 3, "CAN'T": 2}


def test_one_label_in_two_forms_is_a_single_class(make):
    [issue] = class_issues([make(n, f"question {n}", "isn't" if n % 2 else "isn\u2019t") for n in range(6)])
    assert issue.kind == "one class only"


def test_labels_that_differ_in_case_or_a_full_stop_are_named(make):
    answers = ["Yes", "yes", "Yes.", "No", "?", "!"]
    [issue] = class_issues([make(n, f"question {n}", answers[n % 6]) for n in range(18)])
    assert issue.kind == "alike classes"
    assert issue.text.endswith("count as different ones: 'Yes' and 'Yes.' and 'yes'")
    assert not class_issues([make(n, f"question {n}", answers[3 + n % 3]) for n in range(18)])


def test_texts_are_no_labels(make):
    assert classes([make(n, "question", "a long answer of seven words here") for n in range(9)]) is None
    assert classes([]) is None
