"""What the filter's terms keep, and what they refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopsfit_tui.core.state import TrialState
from flopsfit_tui.core.trial import Outcome, Trial
from flopsfit_tui.tui.sweep.trial_filter import parse_filter, unknown_words


def trial(budget=1e11, size=32, status="finished", loss=2.0, error=""):
    made = Trial(
        key="abc123", budget=budget, size=size, seed=0, params=31_600, tokens=10**6, samples=10**4, steps=100,
        batch_size=8, learning_rate=0.01, flops=budget,
    )  # fmt: skip
    outcome = Outcome(status, loss=loss, error=error) if status in ("finished", "failed") else None
    return TrialState(made, status=status, outcome=outcome)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", True),
        ("finished", True),
        ("failed", False),
        ("budget>=1e11", True),
        ("budget>1e11", False),
        ("size=32 loss<2.1", True),
        ("width=32", True),
        ("d_model=32", False),
        ("params=31.6k", True),
        ("N<=31k", False),
        ("seed=0", True),
        ("loss!=2", False),
        ("ABC1", True),
    ],
)
def test_terms(text, kept):
    if text.startswith("d_model"):
        with pytest.raises(ValueError, match="d_model"):
            parse_filter(text, "width")
    else:
        assert parse_filter(text, "width")(trial()) is kept


def test_words_are_looked_for_in_errors():
    assert parse_filter("out of memory")(trial(status="failed", error="CUDA out of memory"))
    assert not parse_filter("nan")(trial(status="failed", error="CUDA out of memory"))


@pytest.mark.parametrize(
    ("text", "said"), [("bugdet>1", "did you mean budget"), ("size>x", "size 'x' is not"), ("colour=1", "these can")]
)
def test_what_cannot_be_meant(text, said):
    with pytest.raises(ValueError, match=said):
        parse_filter(text)


NAMES = st.sampled_from(["budget", "size", "params", "seed", "loss"])
NUMBERS = st.floats(1e-3, 1e15).map(lambda x: float(f"{x:.4g}"))
TRIALS = st.builds(trial, NUMBERS, st.integers(1, 10**6), st.sampled_from(["finished", "failed", "pending"]), NUMBERS)


@given(TRIALS, NAMES, NUMBERS)
def test_comparisons_are_those_of_numbers(now, name, value):
    def keeps(sign):
        return parse_filter(f"{name}{sign}{value!r}")(now)

    assert keeps(">") == (keeps(">=") and keeps("!=")) or name == "size"  # which is equal as it is written
    known = now.outcome is not None or name != "loss"  # a pending trial has no loss: no comparison holds
    assert keeps(">=") == (known and not keeps("<"))
    assert keeps("<=") == (known and not keeps(">"))


@given(TRIALS, st.lists(st.tuples(NAMES, st.sampled_from([">=", "<"]), NUMBERS), max_size=3))
def test_all_terms_must_hold(now, terms):
    words = [f"{name}{sign}{value:g}" for name, sign, value in terms]
    assert parse_filter(" ".join(words))(now) == all(parse_filter(word)(now) for word in words)


@given(TRIALS, st.text(max_size=30))
def test_any_text_is_understood_or_refused_in_one_sentence(now, text):
    try:
        said = str(parse_filter(text)(now))
    except ValueError as error:
        said = str(error)
    assert said
    assert len(said.splitlines()) == 1


def test_words_that_are_no_status_are_said_and_terms_that_are_still_typed_are_not():
    assert "'fialed' is no status" in unknown_words("fialed size=8")
    for text in ("failed", "failed bud>", "budget>=1e11", "size=", ""):
        assert unknown_words(text) == ""
