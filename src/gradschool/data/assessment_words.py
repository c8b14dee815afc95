"""English names of keys that assess answers as good or bad, and the words for good and bad in their values."""

import re

from gradschool.data.assessment_symbols import BAD_SYMBOLS, GOOD_SYMBOLS

GOOD_IF_TRUE = {
    *("kto_label", "kto_tag", "good", "is_good", "good_answer", "train", "training", "trainable", "is_trainable"),
    *("train_on", "use", "use_for_training", "use_in_training", "include", "included", "include_in_training", "keep"),
    *("loss", "loss_mask", "calculate_loss", "compute_loss", "approved", "is_approved", "accepted", "is_accepted"),
    *("accept", "correct", "is_correct", "desirable", "is_desirable", "helpful", "is_helpful", "valid", "is_valid"),
    *("chosen", "is_chosen", "preferred", "is_preferred", "learn", "ok", "okay", "is_ok", "verified", "is_verified"),
    *("human_verified", "validated", "is_validated", "passed", "accurate", "is_accurate", "factual", "is_factual"),
    *("grounded", "is_grounded", "faithful", "is_faithful", "train_on_turn", "train_turn", "train_on_this"),
    *("is_safe", "safe", "for_training", "usable", "is_usable", "selected_for_training", "in_training"),
}
GOOD_IF_LIKED = {"like", "liked", "likes", "thumbs_up", "thumb_up", "thumbsup", "upvoted", "upvotes"}  # 0: no reaction
BAD_IF_TRUE = {
    *("bad", "is_bad", "bad_answer", "rejected", "is_rejected", "exclude", "excluded", "exclude_from_training"),
    *("skip", "skipped", "ignore", "ignored", "do_not_train", "do_not_use", "dont_train", "no_train", "discard"),
    *("not_for_training", "discarded", "deleted", "is_deleted", "flagged", "is_flagged", "spam", "is_spam"),
    *("thumbs_down", "thumb_down", "thumbsdown", "dislike", "disliked", "dislikes", "downvoted", "downvotes"),
    *("incorrect", "is_incorrect", "wrong", "is_wrong", "undesirable", "unhelpful", "was_cancelled", "dont_use"),
    *("hallucinated", "is_hallucinated", "hallucination", "hallucinations", "is_hallucination", "has_hallucination"),
    *("has_hallucinations", "low_quality", "is_low_quality", "needs_revision", "needs_fix", "failed"),
    *("drop", "dropped", "remove", "removed", "to_remove", "to_delete", "omit", "omitted", "hide", "hidden"),
    *("duplicate", "is_duplicate", "outdated", "is_outdated", "obsolete", "is_obsolete", "poisoned", "is_junk", "junk"),
}
# Of an answer; next to a text without one, they are its class.
BAD_CONTENT = {
    *("toxic", "is_toxic", "unsafe", "is_unsafe", "harmful", "is_harmful", "offensive", "is_offensive", "nsfw"),
    *("is_nsfw", "hateful", "is_hateful", "abusive", "is_abusive", "profane", "inappropriate", "is_inappropriate"),
    *("hate", "hate_speech", "pii", "has_pii", "contains_pii", "confidential", "is_confidential"),
}
USES = {  # whether a row is used at all, whatever it is worth
    *("train", "training", "trainable", "is_trainable", "train_on", "use", "use_for_training", "use_in_training"),
    *("include", "included", "include_in_training", "keep", "learn", "for_training", "usable", "is_usable"),
    *("selected_for_training", "in_training", "exclude", "excluded", "exclude_from_training", "skip", "skipped"),
    *("ignore", "ignored", "do_not_train", "do_not_use", "dont_train", "dont_use", "no_train", "discard", "discarded"),
    *("not_for_training", "deleted", "is_deleted", "drop", "dropped", "remove", "removed", "to_remove", "to_delete"),
    *("omit", "omitted", "hide", "hidden", "spam", "is_spam"),
}
PARTS = {  # which part of the data a row belongs to
    *("split", "set", "subset", "partition", "fold", "data_split", "dataset_split", "data_set", "dataset", "usage"),
    *("bucket", "split_name", "part", "sample_set"),
}
WEIGHTS = {"weight", "loss_weight", "sample_weight", "train_weight", "training_weight", "example_weight"}
RATINGS = {
    *("rating", "ratings", "user_rating", "answer_rating", "response_rating", "overall_rating", "star", "stars"),
    *("star_rating", "csat", "satisfaction", "helpfulness", "feedback", "user_feedback", "human_feedback"),
    *("admin_feedback", "thumb", "thumbs", "vote", "votes", "reaction", "grade", "quality", "score", "human_score"),
    *("overall_score", "overall", "reward", "judgement", "judgment", "evaluation", "assessment", "preference"),
    *("feedback_score", "note", "nota"),
    *("label", "annotation", "annotations", "message_feedback", "feedback_value", "answer_quality", "correctness"),
}
STATES = re.compile(
    r"((reviewer|review|annotator|annotation|response|answer|human|qa|editor|moderator|moderation|quality|label|final|"
    r"curation|curator|approval|judge|grader)_)?(status|state|decision|verdict|result|outcome)|review"
)
GRADED = re.compile(r"(.*_)?(quality|rating|grade|score|helpfulness|correctness|satisfaction)")
# Lists of words, also as one text with commas; a note counts only if it consists of such words.
TAGS = {"tags", "tag", "flags", "labels", "note", "notes", "comment", "comments", "remark", "remarks", "todo"}
INSIDE = {  # objects with assessments
    *("metadata", "meta", "extra", "attributes", "data", "scores", "evaluations", "evals", "feedbacks"),
    *("openai_moderation", "moderation", "axes", "train_detail", "training_detail"),
}
FLAGS = GOOD_IF_TRUE | GOOD_IF_LIKED | BAD_IF_TRUE | BAD_CONTENT | WEIGHTS | PARTS
NESTED = RATINGS | INSIDE
SCALED = RATINGS - {"label", "reward", "preference", "vote", "votes", "reaction"}  # may be a scale of 5 or 10

REJECTED = {
    *("bad", "rejected", "reject", "declined", "discarded", "excluded", "exclude", "spam", "deleted", "invalid"),
    *("flagged", "do_not_use", "do_not_train", "trash", "unusable", "undesirable", "disapproved", "not_approved"),
}
UNFINISHED = {  # states of an answer that a reviewer sent back
    *("needs_revision", "needs_work", "needs_fix", "needs_fixing", "needs_correction", "needs_changes", "to_fix"),
    *("changes_requested", "revise", "rework", "fail", "failed", "incorrect", "wrong"),
}
BEGINNINGS = (  # of a state with its reason, such as "Rejected by reviewer"
    *("rejected_", "reject_", "declined_", "discarded_", "excluded_", "disapproved_", "not_approved_", "failed_"),
    *("do_not_use_", "do_not_train_", "needs_revision_"),
)
TAGGED = {  # the words that mean an answer, not a topic
    *("do_not_train", "do_not_use", "dont_train", "dont_use", "no_train", "notrain", "not_for_training", "exclude"),
    *("excluded", "exclude_from_training", "rejected", "discard", "discarded", "bad_answer", "bad_response"),
    *("wrong_answer", "incorrect", "low_quality", "poor_quality", "hallucination", "hallucinated", "needs_revision"),
}
NO_PART = {  # parts of the data whose rows are not used
    *("exclude", "excluded", "exclusion", "ignore", "ignored", "skip", "skipped", "discard", "discarded", "drop"),
    *("dropped", "unused", "not_used", "do_not_use", "do_not_train", "no_train", "removed", "remove", "trash", "bad"),
    *("rejected", "deleted", "omit", "omitted", "not_for_training"),
}
NOTHING = {
    *("none", "n/a", "na", "null", "nil", "nan", "-", "–", "—", "?", "unknown", "open", "todo", "keep", "ok", "okay"),
}
TICKS = {"x", "✓", "✔", "✅", "☑"}  # in a column of ticks, a row without one is not meant
FALSE = {
    *("false", "no", "n", "f", "off", "0", "0.0", "nein", "non", "não", "nao", "nee", "nej", "nie", "nem", "нет"),
    *("falsch", "faux", "falso", "fałsz", "onwaar", "ложь", "✗", "✘", "✕", "✖", "❌", "×", "☐", "🚫", "⛔"),
}
TRUE = {
    *("true", "yes", "y", "t", "on", "1", "1.0", "ja", "oui", "si", "sí", "sì", "sim", "tak", "igen", "да", "x"),
    *("wahr", "vrai", "verdadero", "vero", "verdadeiro", "prawda", "waar", "истина", "✓", "✔", "✅", "☑"),
}
BAD_WORDS = (
    REJECTED
    | BAD_SYMBOLS
    | {
        *("wrong", "incorrect", "poor", "very_poor", "terrible", "awful", "negative", "thumbs_down", "thumb_down"),
        *("thumbsdown", "down", "downvote", "downvoted", "dislike", "disliked", "unhelpful", "not_helpful"),
        *(
            "not_good",
            "unsatisfied",
            "dissatisfied",
            "very_dissatisfied",
            "unacceptable",
            "fail",
            "failed",
            "inaccurate",
        ),
        *("no", "garbage", "useless", "low_quality", "poor_quality", "worst", "bad_answer"),
        *(FALSE - {"n", "f", "0", "0.0", "off", "non", "nie"}),
    }
)
LOW_WORDS = {"low", "very_low", "lowest", "d", "e", "f", "d+", "d_", "f+", "f_"}
GOOD_WORDS = GOOD_SYMBOLS | {
    *("good", "great", "very_good", "excellent", "ok", "okay", "right", "correct", "positive", "thumbs_up", "thumb_up"),
    *("thumbsup", "up", "upvote", "upvoted", "like", "liked", "helpful", "satisfied", "very_satisfied", "pass"),
    *("passed", "accurate", "true", "yes", "approved", "accepted", "accept", "chosen", "preferred", "desirable"),
    *("submitted", "valid"),
}
GRADES = (GOOD_WORDS | BAD_WORDS) - TRUE - FALSE | BAD_SYMBOLS
LABEL_WORDS = REJECTED | {"false", "thumbs_down", "👎"}  # `label` may also be a class, such as "negative" or "no"
