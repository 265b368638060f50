"""What a header says: which quantity, in which unit, and how near it is to what a fit wants.

A name is cut into words ("totalGflops", "eval/paloma/macro_loss", "log10(N) [1e6]"); each word is a quantity, a scale,
a qualifier, or a sign that the column is something else (a rate, a ratio, a spread). No list of whole names.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from functools import lru_cache

from flopsfit_tui.report.files.table.scales import PREFIX, PREFIX_WORD, rate_times, scale_of_word, simplify, word_set

# One list a meaning; a plural s is taken off words before they are looked up.
NAMES = {
    "params": "param parameter",
    "tokens": "token tok",
    "samples": "sample image example sequence",
    "compute": "flop compute",
    "loss": "loss ce nll xent crossentropy entropy",
    "bits": "bpb bpc bpt bit",
    "perplexity": "perplexity ppl",
}
LETTERS = {"n": "params", "d": "tokens", "c": "compute", "l": "loss"}
QUALIFIERS = word_set(
    """
    num number count of in the a at used total all full final last end best min mean avg average train training
    trained seen consumed processed val valid validation eval evaluation test held out heldout dev non no without
    embedding embed emb nonembedding trainable active activated scaling budget target nominal planned model size
    dataset data cross entropy micro nat nats cost spent raw overall run cumulative estimated est
    """
)
OTHER = word_set(
    """
    ratio fraction percent pct rate lr batch vocab hidden dim width depth layer head ffn mlp attn name id index idx
    hash path url time sec second hour minute day gpu device core std stdev stderr se sem sd var variance ci err
    error low high lower upper delta diff gap excess pred predicted fit fitted residual weight scale norm grad step
    epoch rank opt optimal optimum unique peak achieved mfu hfu forward fwd backward bwd inference aux auxiliary
    router balance balancing kl reg throughputs speed memory bytes mb gb usd dollar price file date note tag seed
    accuracy acc learning warmup context ctx seq length iteration iter power energy watt
    """
)
HELD_OUT = word_set("val valid validation eval evaluation test heldout held dev")
PER_UNITS = word_set(
    """
    token tok param parameter sec second s step byte char character gpu device day sample word image iter iteration
    batch example sequence hour
    """
)
PER_WORDS = word_set("per byte char character word")
LOGS = {"log10": 10.0, "lg": 10.0, "log2": 2.0, "ln": math.e, "loge": math.e}

_TOKEN = re.compile(
    r"""(?P<scale>(?:[x*/]\s*)?(?:\d+(?:\.\d+)?[eE]\+?\d+|(?:\d+(?:\.\d+)?\s*[x*]\s*)?10\s*(?:\^|\*\*)\s*\+?\d+|
        1(?:,?000)+s?|'?000s?|(?<![A-Za-z])[eE]\d+(?![A-Za-z\d])))
      |(?P<sixnd>6\s*[x*·]?\s*[nN]\s*[x*·]?\s*[dD](?![a-zA-Z]))
      |(?P<word>[A-Za-z]+\d*)|(?P<number>\d+(?:\.\d+)?)|(?P<sign>[()\[\]{}/.=%,:^-])""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Meaning:
    """What one header says of its column."""

    quantity: str  # params, tokens, compute or loss
    tier: int  # 0 is what a fit wants; higher ones only where there is no lower one
    scale: float = 1.0  # what its cells are to be multiplied by
    log: float | None = None  # the base, where its cells are logarithms
    unit: str = ""  # of a loss that is not in nats per token, or samples for tokens
    trouble: str = ""  # why it cannot be read, where it cannot
    given: bool = False  # the user named the unit


@dataclass
class _Words:
    outside: list[str] = field(default_factory=list)
    inside: list[list[str]] = field(default_factory=list)  # of each bracket
    texts: list[str] = field(default_factory=list)  # of each bracket, as written
    scale: float = 1.0
    unit_words: int = 0
    flops: bool = False
    log: float | None = None
    bare_log: bool = False


def _split_camel(text: str) -> str:
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text)
    return re.sub(r"(?<=[A-Z])(?=[A-Z][a-z]{3,})", "_", text) if re.search(r"[A-Z]{4,}[a-z]{3}", text) else text


@lru_cache(maxsize=4096)
def _known(word: str) -> bool:
    return bool(_quantity(word)) or word in QUALIFIERS or _single(word) in QUALIFIERS


def _single(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 and not word.endswith("ss") else word


@lru_cache(maxsize=4096)
def _quantity(word: str) -> str:
    for quantity, names in NAMES.items():
        if word in names.split() or _single(word) in names.split():
            return quantity
    return ""


@lru_cache(maxsize=4096)
def _segment(word: str) -> tuple[str, ...]:
    """A word as known words: ("num", "params"), ("m", "params"), or itself alone."""
    if _known(word) or _single(word) in OTHER or scale_of_word(word) or word in LOGS:
        return (word,)
    match = re.fullmatch(r"(log10|log2|lg|ln)(n|d|c|l|[a-z]{4,})", word)
    if match and (match[2] in LETTERS or len(_segment(match[2])) > 1 or _known(match[2])):
        return (match[1], *_segment(match[2]))
    for prefix in sorted([*PREFIX_WORD, *PREFIX, "n"], key=len, reverse=True):
        rest = word.removeprefix(prefix)
        if rest != word and _quantity(rest) in ("params", "tokens", "compute", "samples"):
            return (prefix, rest)
        if rest != word and (rest in ("f", "fs") and prefix != "n" and len(prefix) == 1 and prefix != "b"):
            return (prefix, "flop")
    for end in range(len(word) - 2, 2, -1):
        head, tail = word[:end], word[end:]
        parts = _segment(tail) if len(tail) >= 3 and (_known(head) or scale_of_word(head)) else ("",)
        if all(_known(part) or _single(part) in OTHER for part in parts):
            return (head, *parts)
    return (word,)


def read_header(name: str) -> Meaning | None:
    """The meaning of a header, or None where it is not one of the four quantities."""
    text = simplify(name)
    path = _last_of_path(text)
    found = _words(path)
    context = [word.lower() for word in re.split(r"[^A-Za-z0-9]+", text[: len(text) - len(path)]) if word]
    return _meaning(found, context)


def _last_of_path(text: str) -> str:
    """Behind the last / or . of a logged name (`eval/paloma/macro_loss`), unless it is a quantity's unit."""
    outside = re.sub(r"[(\[{].*?[)\]}]", lambda match: "_" * len(match[0]), text)
    for match in reversed(list(re.finditer(r"(?<=[A-Za-z_])[/.](?=[A-Za-z_])", outside))):
        after = re.split(r"[^A-Za-z]+", outside[match.end() :].strip("_ "))[0].lower()
        tail = _words(text[match.end() :])
        if match[0] == "/" and (_single(after) in PER_UNITS and re.fullmatch(r"[A-Za-z]+", outside[match.end() :])):
            before = re.split(r"[^A-Za-z]+", outside[: match.start()])[-1].lower()
            if any(_quantity(part) or part in ("nat", "nats") for part in _segment(before)):
                return text
        if match[0] == "/" and set(tail.outside) <= LETTERS.keys():
            continue  # D/N
        if any(_quantity(word) for word in tail.outside) or tail.flops or any(w in LETTERS for w in tail.outside):
            return text[match.end() :]
    return text


def _words(text: str) -> _Words:
    found = _Words()
    lowered = text.lower()
    spent = rate_times(lowered)
    if spent:
        found.scale, found.flops, found.unit_words, text = spent[0], True, 1, spent[1]
    depth, here = 0, found.outside
    for match in _TOKEN.finditer(_split_camel(text)):
        kind = match.lastgroup
        value = match[0]
        if kind == "sign":
            if value in "([{":
                depth += 1
                if depth == 1:
                    here = []
                    found.inside.append(here)
            elif value in ")]}":
                depth = max(depth - 1, 0)
                here = found.outside if depth == 0 else here
            elif value in "/%":
                here.append("per" if value == "/" else "percent")
            continue
        if kind == "sixnd":
            here.append("6nd")
        elif kind == "scale":
            here.append("#" + value.lower())
        elif kind == "number":
            here.append(value)
        else:
            here.extend(_segment(value.lower()))
    found.texts = re.findall(r"[(\[{](.*?)[)\]}]", text)
    return found


def _power(token: str) -> float | None:
    text = re.sub(r"[x*/\s,'s]", "", token.removeprefix("#").lstrip("x*/ "))
    match = re.fullmatch(r"(\d*\.?\d*)(?:e\+?(\d+)|10(?:\^|\*\*)\+?(\d+))", token.removeprefix("#").strip("x*/ s'"))
    if match:
        return float(match[1] or 1) * 10.0 ** int(match[2] or match[3])
    two = re.fullmatch(r"(\d+\.?\d*)\s*[x*]\s*10(?:\^|\*\*)\+?(\d+)", token.removeprefix("#").strip("x*/ s'"))
    if two:
        return float(two[1]) * 10.0 ** int(two[2])
    if re.fullmatch(r"10*|0+", text):
        return 1e3 if set(text) == {"0"} else float(text)
    return None


def _is_unit(words: list[str]) -> bool:
    """Whether a bracket holds nothing but what a unit is made of."""
    return all(
        word.startswith("#") or word in PREFIX or scale_of_word(word) is not None or _quantity(word)
        or word in ("in", "of", "flop", "x", "log") or word in LOGS or word.isdigit()
        for word in words
    )  # fmt: skip


def _meaning(found: _Words, context: list[str]) -> Meaning | None:
    words = list(found.outside)
    bare = [word for word in words if word not in LOGS and word not in ("log", "10", "2")]
    trouble = ""
    for content, text in zip(found.inside, found.texts, strict=False):
        plain = [word for word in content if word not in LETTERS]
        if re.search(r"[$€£¥@&?!~|]|\d[eE]-\d|\^\s*-", text):
            trouble = trouble or text
        elif _is_unit(plain):
            words += [f"({word}" if word in PREFIX else word for word in plain]
        elif all(_known(word) or word == "6nd" or _single(word) in OTHER or word in PER_WORDS for word in content):
            words += content
        else:
            trouble = trouble or text
        words += [word for word in content if word in LETTERS and not bare]
    return _judge(words, context, found, trouble)


def _judge(words: list[str], context: list[str], found: _Words, trouble: str) -> Meaning | None:
    if not words:
        return None
    quantities = {kind for word in words if (kind := _quantity(word))}
    if found.flops or "6nd" in words:
        quantities.add("compute")
    letters = {LETTERS[word] for word in words if word in LETTERS}
    log, words = _log_of(words)
    quantity = _one_of(quantities, words, letters)
    if quantity is None:
        return None
    rest = [w for w in words if not _quantity(w) and w not in LETTERS and w != "6nd"]
    if any(_single(w) in OTHER or w in OTHER for w in rest) or _is_per(words, quantity):
        return None
    scale, count, rest = _scale(rest, words, quantity, found)
    unknown = [w for w in rest if w not in QUALIFIERS and _single(w) not in QUALIFIERS and w not in ("per", "byte")
               and w not in ("char", "word", "character")]  # fmt: skip
    given = set(words) | set(context)
    if quantity != "loss" and given & {"eval", "val", "test", "validation"} and not given & {"train", "training"}:
        unknown.append("eval")
    if not quantities and (unknown or ({"model", "size"} & given and letters)):
        return None  # a letter beside a word that is not known: d_model, n_heads
    if count and quantity == "loss":
        trouble = trouble or "a scale"
    if log == -1.0:
        trouble = trouble or "log, of which base? log10 and ln are known"
    if quantity == "loss":
        trouble = trouble if log == -1.0 or count else ""
    unit = _loss_unit(words, quantities) if quantity == "loss" else "samples" if "samples" in quantities else ""
    if quantity == "loss" and "perplexity" in quantities:
        return None
    tier = _tier(quantity, given, unknown, bool(quantities), unit)
    return Meaning(quantity, tier, scale, None if log == -1.0 else log, unit, trouble)


def _log_of(words: list[str]) -> tuple[float | None, list[str]]:
    for i, word in enumerate(words):
        if word in LOGS:
            return LOGS[word], words[:i] + words[i + 1 :]
        if word == "log":
            after = words[i + 1] if i + 1 < len(words) else ""
            if after in ("10", "2"):
                return float(after), words[:i] + words[i + 2 :]
            return -1.0, words[:i] + words[i + 1 :]
    return None, words


def _one_of(quantities: set[str], words: list[str], letters: set[str]) -> str | None:
    if quantities & {"loss", "bits", "perplexity"}:
        return "loss"
    main = quantities & {"params", "tokens", "samples", "compute"}
    if "budget" in words and len(main) == 0 and not letters:
        return "compute"
    if main == {"tokens", "samples"} or main == {"samples"}:
        return "tokens"
    if len(main) == 1:
        return main.pop()
    if main:
        return None
    if len(letters) == 1 and not quantities:
        return next(iter(letters))
    if "size" in words or "model" in words or {"data", "dataset"} & set(words):
        return "tokens" if {"data", "dataset"} & set(words) else "params"
    return None


def _is_per(words: list[str], quantity: str) -> bool:
    """Whether a quantity is divided by another: tokens/s, FLOPs per token. A loss per token or byte is a loss."""
    if "per" not in words:
        return False
    after = words[words.index("per") + 1 :]
    if quantity == "loss":
        return False
    return not (after and after[0].startswith("#"))


def _scale(rest: list[str], words: list[str], quantity: str, found: _Words) -> tuple[float, int, list[str]]:
    """The product of all that scales, how many words did, and the words that did not."""
    scale, count, left = found.scale, found.unit_words, []
    for word in rest:
        letter = word.removeprefix("(")
        value = None
        if word.startswith("#"):
            value = _power(word)
        elif word.startswith("(") or letter in PREFIX_WORD:
            value = PREFIX.get(letter) or PREFIX_WORD.get(letter)
        elif scale_of_word(word):
            value = scale_of_word(word)
        elif letter in PREFIX and quantity != "loss" and _beside(words, word):
            value = PREFIX[letter]
        if value is None:
            if word not in ("x", "in", "of"):
                left.append(word)
        else:
            scale, count = scale * value, count + 1
    return scale, count, left


def _beside(words: list[str], letter: str) -> bool:
    i = words.index(letter)
    if i == len(words) - 1 and any(_quantity(word) or word == "size" for word in words):
        return True
    near = words[max(i - 1, 0) : i] + words[i + 1 : i + 2]
    return any(_quantity(word) or word in LETTERS for word in near)


def _loss_unit(words: list[str], quantities: set[str]) -> str:
    if "bpb" in words or ("bits" in quantities and "byte" in words):
        return "bits per byte"
    if "bpc" in words or ("bits" in quantities and ("char" in words or "character" in words)):
        return "bits per character"
    if "bpt" in words or "bits" in quantities:
        return "bits per token" if "byte" not in words else "bits per byte"
    return ""


def _tier(quantity: str, given: set[str], unknown: list[str], by_word: bool, unit: str) -> int:
    """How near a column is to what is wanted; see docs/tables.md for the rule in words."""
    if quantity == "loss":
        if given & HELD_OUT:
            return 1 if unit else 0
        if given & {"train", "training"}:
            return 8
        return (4 if unknown else 2) + (1 if unit else 0)
    if unknown:
        return 5
    if quantity == "params":
        if given & {"total", "all", "full"}:
            return 0
        if given & {"non", "nonembedding", "no", "without", "active", "activated", "scaling"}:
            return 2
        if given & {"embedding", "embed", "emb"}:
            return 9
        return 1 if by_word or given & {"n"} else 6
    if quantity == "tokens":
        return 7 if unit else 1 if by_word or given & {"d"} else 6
    return 2 if given & {"budget", "target", "nominal", "planned"} else 1
