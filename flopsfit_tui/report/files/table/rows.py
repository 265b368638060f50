"""Which rows are runs: finished ones with a loss, the last step of each, and on request the best of each point."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from flopsfit_tui.report.files.table.load import Row
from flopsfit_tui.report.files.table.numbers import is_missing, read_number
from flopsfit_tui.report.files.table.scales import word_set

FINISHED = word_set("finished finish done completed complete success succeeded successful ok true yes")
UNFINISHED = word_set(
    """
    crashed crash failed fail failure killed running pending preempted preempting skipped timeout timedout cancelled
    canceled stopped oom error queued diverged aborted interrupted starting outofmemory nan false no
    """
)
STATES = word_set("state status runstate runstatus jobstate")
GOOD = word_set("finished completed complete done success succeeded converged")
BAD = word_set(
    """
    crashed failed diverged outlier excluded exclude skip oom killed isoutlier isdiverged
    """
)
STEPS = word_set("step globalstep iteration iter trainerglobalstep trainstep currentstep")
RUN_NAMES = ("runid", "run", "runname", "trial", "trialid", "id", "name", "displayname", "job", "jobid", "experiment",
             "experimentid", "model", "modelname")  # fmt: skip
HYPER = re.compile(
    r"lr|(peak|max|base|init(ial)?)?learningrates?|(peak|max|base|matrix|embed|embedding)lr|bs|(global|train|total|device|local)*batchsize"
    r"(tokens|seqs|sequences)?|batch|wd|weightdecay|warmup(steps|frac|fraction|ratio)?|beta[12]|dropout|momentum|optimi[sz]er|"
    r"(lr)?schedule(r)?|initstd|gradclip"
)


def plain(name: str) -> str:
    """A column's name in lower case, without signs, and without the path in front of it."""
    return re.sub(r"[^a-z0-9]", "", re.split(r"[/.]", name.rstrip("/."))[-1].lower())


def finished_rows(header: Sequence[str], rows: list[Row]) -> tuple[list[Row], list[str]]:
    """Rows of runs that came to an end, by columns of states; and what was left out."""
    notes = []
    for at, name in enumerate(header):
        kind = plain(name)
        words = [re.sub(r"[^a-z0-9]", "", row[at].lower()) for _, row in rows]
        if kind in STATES:
            ended = any(word in FINISHED for word in words)
            keep = [word in FINISHED or not (ended or word in UNFINISHED) for word in words]
        elif kind in GOOD | BAD and set(words) <= {"true", "false", "yes", "no", "1", "0", ""}:
            keep = [(word in ("true", "yes", "1")) == (kind in GOOD) for word in words]
        else:
            continue
        left = Counter(row[at] or "blank" for (_, row), good in zip(rows, keep, strict=True) if not good)
        if left:
            kinds = ", ".join(f"{count} {value}" for value, count in left.most_common(4))
            ours = kind == "status" and set(left) <= {"pending", "running", "failed", "skipped"}
            by = "" if ours else f" by {name!r} ({kinds})"
            notes.append(f"{left.total()} unfinished runs left out{by}")
            rows = [row for row, good in zip(rows, keep, strict=True) if good]
    return rows, notes


def fitted_rows(header: Sequence[str], rows: list[Row]) -> tuple[list[Row], list[str]]:
    """Rows of a sweep's own table that it fits, and how many it does not."""
    at = list(header).index("left_out") if "left_out" in header else None
    kept = rows if at is None else [row for row in rows if not row[1][at].strip()]
    left = len(rows) - len(kept)
    return kept, [f"{left} run{'s' if left > 1 else ''} left out, as the column 'left_out' says"] if left else []


def with_loss(rows: list[Row], loss: int) -> tuple[list[Row], list[str]]:
    """Rows that have a loss, and how many have none."""
    kept = [row for row in rows if not is_missing(row[1][loss])]
    left = len(rows) - len(kept)
    return kept, [f"{left} run{'s' if left > 1 else ''} without a loss left out"] if left else []


def last_steps(
    header: Sequence[str], rows: list[Row], params: int | None, tokens: int | None, run: str | None, file: Path
) -> tuple[list[Row], list[str]]:
    """The last step of each run, where a table has several. Raises ValueError where it is not clear what a run is."""
    if run is not None and run.strip().lower() == "none":
        return rows, []
    step = next((at for at, name in enumerate(header) if plain(name) in STEPS), None)
    if step is not None and any(read_number(row[step], "") is None for _, row in rows):
        step = None
    along = step if step is not None else tokens
    if along is None:
        return rows, []
    if run is not None:
        key = header.index(run) if run in header else next(
            (i for i, name in enumerate(header) if plain(name) == plain(run)), -1)  # fmt: skip
        if key < 0:
            raise ValueError(f"{file} has no column {run!r}; it has {', '.join(map(repr, filter(None, header)))}")
    else:
        names = RUN_NAMES if step is not None else RUN_NAMES[:5]
        found = (i for name in names for i, column in enumerate(header) if plain(column) == name and i != params)
        key = next((i for i in found if _is_run(rows, i, along, params)), -1)
    if key < 0:
        if step is not None and run is None and params is not None and _repeats(rows, step, params):
            raise ValueError(
                f"{file} has several steps of one size in column {header[step]!r}, and no column that names the run; "
                "give it by --run COLUMN, or --run none if each row is a run of its own"
            )
        return rows, []
    last: dict[str, tuple[float, int]] = {}
    for i, (_, row) in enumerate(rows):
        number = read_number(row[along], "")
        at = number.value * number.scale if number else float("-inf")
        if row[key] not in last or at >= last[row[key]][0]:
            last[row[key]] = (at, i)
    kept = sorted(i for _, i in last.values())
    if len(kept) == len(rows):
        return rows, []
    return [rows[i] for i in kept], [f"the last of several steps of each run, by {header[key]!r} ({len(kept)} runs)"]


def _is_run(rows: Sequence[Row], key: int, along: int, params: int | None) -> bool:
    """Whether equal values of a column are one run at several steps: one size, and no step twice."""
    sizes, steps = defaultdict(set), defaultdict(list)
    for _, row in rows:
        sizes[row[key]].add(row[params] if params is not None else "")
        steps[row[key]].append(row[along])
    several = any(len(seen) > 1 for seen in steps.values())
    return several and all(len(seen) == 1 for seen in sizes.values()) and all(
        len(set(seen)) == len(seen) for seen in steps.values())  # fmt: skip


def _repeats(rows: Sequence[Row], step: int, params: int) -> bool:
    """Whether most sizes stand at three steps or more."""
    steps = defaultdict(set)
    for _, row in rows:
        steps[row[params]].add(row[step])
    return sum(len(seen) >= 3 for seen in steps.values()) * 2 >= len(steps)


def looks_like_steps(header: Sequence[str], rows: Sequence[Row], N: Sequence[float], D: Sequence[float]) -> str:
    """The column, or "params", within whose values tokens are evenly spaced from the first on, but not the same for
    all: curves of runs, perhaps. Empty where there is none."""
    names = [at for at, name in enumerate(header) if plain(name) in RUN_NAMES]
    for at in [*names, None]:
        curves: dict[object, list[float]] = defaultdict(list)
        for (_, row), size, tokens in zip(rows, N, D, strict=True):
            curves[(row[at] if at is not None else "", size)].append(tokens)
        even = [sorted(curve) for curve in curves.values() if len(curve) >= 3 and _even(sorted(curve))]
        if len(even) >= 0.8 * len(curves) and len({curve[0] for curve in even}) > 1:
            return header[at] if at is not None else "params"
    return ""


def _even(curve: Sequence[float]) -> bool:
    gaps = np.diff(curve)
    return bool(gaps.min() > 0 and np.ptp(gaps) < 0.02 * gaps.mean() and curve[0] < 1.02 * gaps.mean())


def hyper_columns(header: Sequence[str], used: set[int]) -> list[int]:
    """Columns of learning rates, batch sizes and the like."""
    return [at for at, name in enumerate(header) if at not in used and HYPER.fullmatch(plain(name))]


def points(sizes: Sequence[float], tokens: Sequence[float]) -> list[tuple[float, int]]:
    """For each row its point: the size, and which of its token counts, those within 3 % of a neighbour being one."""
    found: list[tuple[float, int]] = [(0.0, 0)] * len(sizes)
    by_size = defaultdict(list)
    for i, (size, count) in enumerate(zip(sizes, tokens, strict=True)):
        by_size[size].append((count, i))
    for size, members in by_size.items():
        number, before = 0, None
        for count, i in sorted(members):
            number += before is not None and count > 1.03 * before
            before, found[i] = count, (size, number)
    return found


def varying(rows: Sequence[Row], where: Sequence[tuple[float, int]], columns: Sequence[int]) -> list[int]:
    """Those columns that have several values within one point."""
    seen: dict[int, dict[tuple[float, int], set[str]]] = {at: defaultdict(set) for at in columns}
    for (_, row), point in zip(rows, where, strict=True):
        for at in columns:
            if row[at]:
                seen[at][point].add(row[at])
    return [at for at in columns if any(len(values) > 1 for values in seen[at].values())]


def best_rows(
    rows: Sequence[Row], where: Sequence[tuple[float, int]], losses: Sequence[float], columns: Sequence[int]
) -> list[int]:
    """Indices of the rows with the best settings of each point: lowest mean loss over repeats such as seeds."""
    groups: dict[tuple[float, int], dict[tuple[str, ...], list[int]]] = defaultdict(lambda: defaultdict(list))
    for i, ((_, row), point) in enumerate(zip(rows, where, strict=True)):
        if losses[i] == losses[i]:
            groups[point][tuple(row[at] for at in columns)].append(i)
    kept: list[int] = []
    for settings in groups.values():
        kept += min(settings.values(), key=lambda tried: float(np.mean([losses[i] for i in tried])))
    return sorted(kept)
