from gradschool.run_keys import curve_count, curve_name


def test_trainings_of_a_learning_curve_are_known_by_their_names() -> None:
    assert curve_count(f"{curve_name(40)}-training") == 40
    assert curve_count("training") is curve_count("trial-0.001") is curve_count("curve-") is None
