"""What the filter's terms keep, and what they refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopsfit_tui.core.state import TrialState
from flopsfit_tui.core.trial import Outcome, Trial
from flopsfit_tui.tui.sweep.trial_filter import NUMBERS as NAMED
from flopsfit_tui.tui.sweep.trial_filter import complete_terms, parse_filter, unknown_words
from flopsfit_tui.tui.sweep.trial_table import TrialTable
from flopsfit_tui.tui.widgets.prompt import Prompt


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
    ("text", "said"),
    [
        ("bugdet>1", "did you mean budget"),
        ("bud>", "did you mean budget"),
        ("size>x", "size 'x' is not"),
        ("colour=1", "these can"),
        *((f"{name}{sign}", f"'{name}{sign}' lacks a value, such as {name}{sign}") for name in NAMED for sign in "<="),
        ("failed loss!=", "'loss!=' lacks a value, such as loss!=2.1"),
    ],
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


@pytest.mark.parametrize("term", ["budget>=1e11", "loss!=2.1", "width=32", "N<50k", "seconds<1e2"])
def test_a_term_that_is_being_typed_counts_from_its_first_value_on(term):
    value = next(i for i, letter in enumerate(term) if letter.isdigit())
    for length in range(len(term) + 1):
        typed = f"failed {term[:length]}"
        whole = length > value and not typed.endswith("e")
        assert complete_terms(typed, "width").split() == (typed if whole else "failed").split(), typed


def test_words_and_what_is_not_last_count():
    for text in ("out of mem", "fialed", "loss is", "seed ", "N seed=0", "colour=3 failed", ""):
        assert complete_terms(text) == text
    assert complete_terms("failed colour=3") == "failed"  # said in the line, and never kept anything


async def test_the_table_is_not_emptied_by_a_term_that_is_being_typed(open_app, rehearsed, options):
    rehearsed.fails = (6, 10)
    async with open_app(options, start=True, size=(100, 30)) as app:
        await app.until(lambda: app.app_state.stage == "ended", "the end")
        await app.press("escape", "2")
        table, prompt = app.app.screen.query_one(TrialTable), app.app.screen.query_one(Prompt)
        everything = table.row_count
        await app.press("slash")
        for key in "loss<":
            await app.press(key)
            assert table.row_count == everything
        assert "'loss<' lacks a value, such as loss<2.1" in app.text("#prompt-problem")
        await app.press("enter")
        assert prompt.open
        await app.press("0")
        assert table.row_count == 0
        await app.press("backspace")
        assert table.row_count == everything
        await app.press("ctrl+u", *"failed")
        failed = table.row_count
        assert 0 < failed < everything
        await app.press("space")
        for key in "bud>":
            await app.press(key)
            assert table.row_count == failed
        assert "did you mean budget?" in app.text("#prompt-problem")
        await app.press("backspace", *"get>=8e5", "enter")
        assert not prompt.open
        assert 0 < table.row_count < failed
        await app.press("slash", "ctrl+u", *"loss")
        assert table.row_count == everything
        await app.press("enter")  # looked for in errors, as any word
        assert table.row_count == 0
