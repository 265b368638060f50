"""One table, written in every way people write: units, numbers, forms and files. Read right, or refused."""

import bz2
import gzip
import json
import lzma
import sys
import zipfile

import numpy as np
import pytest
from law_runs import BUDGETS, C, D, L, N, same, table

from flopsfit_tui.report.files.read_runs import read_runs


@pytest.fixture
def read(tmp_path):
    def read(text, name="runs.csv", **reading):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_runs(path, **reading)

    return read


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("params (M)", 1e6), ("params [1e6]", 1e6), ("params x1e6", 1e6), ("params (×10⁶)", 1e6), ("N / 1e6", 1e6),
        ("params (millions)", 1e6), ("params, mln", 1e6), ("Mparams", 1e6), ("M params", 1e6), ("params_m", 1e6),
        ("model size (bn)", 1e9), ("N_B", 1e9), ("params in billions", 1e9), ("num_params_thousands", 1e3),
        ("N (10^6)", 1e6), ("megaparams", 1e6), ("nParams", 1), ("#params", 1), ("Parameters (total)", 1),
        ("non-embedding params [M]", 1e6), ("config.n_params", 1), ("params (000s)", 1e3), ("model/num_parameters", 1),
        ("model_size_m", 1e6),
    ],
)  # fmt: skip
def test_units_of_params(read, name, scale):
    header = f'"{name}",tokens,loss'
    assert same(read(table(header, N / scale, D, L)))


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("tokens (B)", 1e9), ("Btok", 1e9), ("GTokens", 1e9), ("tokens [in billions]", 1e9), ("D (1e9)", 1e9),
        ("training tokens (T)", 1e12), ("tokens_seen_b", 1e9), ("throughput/total_tokens", 1),
        ("tokens trillions", 1e12),         ("dataset size (M tokens)", 1e6), ("D_B", 1e9), ("tokens ×10⁹", 1e9),
        ("n_tokens", 1), ("gigatokens", 1e9),
    ],
)  # fmt: skip
def test_units_of_tokens(read, name, scale):
    assert same(read(table(f"N,{name},loss", N, D / scale, L)))


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("GFLOPs", 1e9), ("total_gflops", 1e9), ("compute (ZFLOPs)", 1e21), ("EFLOP", 1e18), ("PF-days", 8.64e19),
        ("compute [PFLOP/s-days]", 8.64e19), ("petaflop_days", 8.64e19), ("pfdays", 8.64e19), ("C (1e18)", 1e18),
        ("training FLOPs (x10^18)", 1e18), ("exaflops", 1e18), ("throughput/total_gflops", 1e9), ("TFLOP", 1e12),
        ("flops_e18", 1e18), ("compute (YFLOPs)", 1e24), ("EFLOP/s-hours", 3.6e21), ("flops_budget", 1),
        ("petaflop/s-days", 8.64e19), ("compute (quintillions of FLOPs)", 1e18), ("C=6ND", 1),
    ],
)  # fmt: skip
def test_units_of_compute(read, name, scale):
    assert same(read(table(f"N,{name},loss", N, C / scale, L)))


@pytest.mark.parametrize(
    ("names", "log"),
    [
        ("log10_N,log10_D", np.log10), ("log10(params),log10(tokens)", np.log10), ("ln N,ln D", np.log),
        ("log2(N),log2(D)", np.log2), ("lg N,lg D", np.log10), ("log_10 params,log_10 tokens", np.log10),
    ],
)  # fmt: skip
def test_logarithms(read, names, log):
    assert same(read(table(f"{names},loss", log(N), log(D), L)))


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("params (furlongs),tokens,loss", "unit of column 'params .furlongs.' is not known"),
        ("log N,tokens,loss", "of which base"),
        ("N,compute (frobs),loss", "is not known"),
        ("params (k$),tokens,loss", "is not known"),
        ("params (1e-6),tokens,loss", "is not known"),
        ("params,tokens,loss (x1e2)", "is a loss with a scale"),
    ],
)
def test_unknown_units_are_refused(read, header, sentence):
    with pytest.raises(ValueError, match=sentence):
        read(table(header, N / 1e6, C, L))


def test_a_unit_may_be_named(read):
    text = table("params (furlongs),tokens,loss", N / 1e6, D, L)
    assert same(read(text, params="params (furlongs):M"))
    assert same(read(table("size,C,loss", N / 1e6, C / 8.64e19, L), params="size:1e6", compute="C:PF-days"))
    assert same(read(table("a,b,loss", np.log10(N), D, L), params="a:log10", tokens="b"))
    with pytest.raises(ValueError, match="unit 'ells' of column 'a' is not known"):
        read(table("a,b,loss", N, D, L), params="a:ells", tokens="b")


@pytest.mark.parametrize(
    ("header", "n", "d", "c"),
    [
        ("params,tokens,loss", 1e6, 1e9, 0), ("params,tokens,loss", 1e6, 1, 0), ("params,tokens,loss", 1, 1e9, 0),
        ("params,flops,loss", 1, 0, 1e9), ("params,tokens,flops,loss", 1, 1, 1e9), ("params,tokens,loss", 1e9, 1e9, 0),
    ],
)  # fmt: skip
def test_numbers_without_their_units_are_refused(read, header, n, d, c):
    columns = [values for values, scale in ((N / n, n), (D / (d or 1), d), (C / (c or 1), c)) if scale]
    with pytest.raises(ValueError, match="a unit is missing or wrong"):
        read(table(header, *columns, L))


def test_words_in_cells_and_headers(read):
    sizes, amounts = [f"{x / 1e6:.3f} M" for x in N], [f"{x / 1e9:.5f} B tokens" for x in D]
    assert same(read(table("model size,training data,validation loss (nats/token)", sizes, amounts, L)))
    spent = [f"{x / 8.64e19:.7f} PF-days" for x in C]
    assert same(read(table("N (non-embedding params),compute,Test Loss", N, spent, L)))


def test_a_cells_unit_must_agree_with_its_headers(read):
    assert same(read(table("params (M),D,loss", [f"{x / 1e6:.3f}M" for x in N], D, L)))
    with pytest.raises(ValueError, match="line 2: .* has a unit of its own"):
        read(table("params (M),D,loss", [f"{x / 1e9:.6f}B" for x in N], D, L))


def grouped(mark):
    return lambda x: f'"{x:,.0f}"'.replace(",", mark)


@pytest.mark.parametrize(
    "write",
    [
        grouped(","), grouped(" "), grouped("\u202f"), grouped("'"), grouped("_"), lambda x: f"{x / 1e6:.3f}M",
        lambda x: f"{x / 1e6:.3f}m", lambda x: f"{x / 1e9:.6f}b", lambda x: f"{x / 1e6:.3f} million",
        lambda x: f"{x / 1e6:.3f}×10^6", lambda x: f"{x / 1e6:.3f} x 10⁶", lambda x: f"{x / 1e6:.4f}*10**6",
        lambda x: f"{x / 1e9:.6f} bn", lambda x: f"~{x / 1e6:.3f}M", lambda x: rf"${x / 1e6:.3f} \times 10^{{6}}$",
        lambda x: f"{x:.5E}", lambda x: f"{x:.6e}".replace("e", "D"), lambda x: f"{x:.1f}", lambda x: f"{x / 1e3:.1f}K",
        lambda x: f"{x / 1e6:.3f} ± 0.001 M", lambda x: f"{x / 1e6:.3f} Mio",
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(read, write):
    assert same(read(table("N,D,loss", map(write, N), map(write, D), L)))


@pytest.mark.parametrize(
    "write", ["{:.4f} ± 0.01", "{:.4f}+/-0.01", "{:.4f}(12)", "{:.4f} nats", '"{:.4f} [3.1, 3.2]"']
)
def test_losses_with_their_errors(read, write):
    assert same(read(table("N,D,loss", N, D, map(write.format, L))))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas(read, separator):
    columns = [[f"{x:.6e}".replace(".", ",") for x in column] for column in (N, D, L)]
    assert same(read(table("N;D;loss".replace(";", separator), *columns, separator=separator)))
    short = [[f"{x:.0f}" for x in N], [f"{x:.0f}" for x in D], [f"{x:.3f}".replace(".", ",") for x in L]]
    assert same(read(table("N;D;loss", *short, separator=";")))
    german = [[f"{x:,.0f}".replace(",", ".") for x in N], *short[1:]]
    assert same(read(table("N;D;loss", *german, separator=";")))


def test_both_decimal_marks_are_refused(read):
    losses = [f"{x:.4f}".replace(".", "," if i % 2 else ".") for i, x in enumerate(L)]
    with pytest.raises(ValueError, match="both with a comma and with a point"):
        read(table("N;D;loss", N, D, losses, separator=";"))


PLAIN = table("params,tokens,loss", N, D, L)
LINES = PLAIN.splitlines()


@pytest.mark.parametrize(
    "text",
    [
        "\n\n" + PLAIN, "# a comment\n# 1,2,3\n" + PLAIN, "% comment\n" + PLAIN, "// comment\n" + PLAIN,
        PLAIN.replace("\n", ",\n"), PLAIN.replace("\n", ",,\n"), PLAIN.replace("\n", "\r\n"), PLAIN.replace("\n", "\r"),
        "\n".join([*LINES[:10], LINES[0], *LINES[10:]]), "\n".join([*LINES[:5], "# later", "", *LINES[5:]]),
        "Scaling runs of March\n" + PLAIN, "sep=;\n" + PLAIN.replace(",", ";"), PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";"), PLAIN.replace(",", " "), PLAIN.replace(",", "   "), PLAIN.replace(",", ", "),
        "\n".join(f"| {line.replace(',', ' | ')} |" for line in [LINES[0], "---,---,---", *LINES[1:]]),
        "\n".join([LINES[0], *(f"{i},{line}" for i, line in enumerate(LINES[1:]))]), "# " + PLAIN,
        "\n".join([f",{LINES[0]}", *(f"{i},{line}" for i, line in enumerate(LINES[1:]))]),
        PLAIN.replace("params", '"params"').replace("loss", '"loss"'), "\ufeff" + PLAIN, "\n".join(LINES),
    ],
)  # fmt: skip
def test_forms_of_text(read, text):
    assert same(read(text))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_encodings(read, encoding):
    text = table("params,tokens,loss,größe", N, D, L, ["é"] * N.size)
    assert same(read(text.encode(encoding)))


ENTRIES = [{"params": n, "tokens": d, "loss": x} for n, d, x in zip(N, D, L, strict=True)]
NESTED = [{"config": {"params": n}, "summary": {"tokens": d, "loss": x}} for n, d, x in zip(N, D, L, strict=True)]


@pytest.mark.parametrize(
    "document",
    [
        ENTRIES, NESTED, {"runs": ENTRIES}, {"params": N.tolist(), "tokens": D.tolist(), "loss": L.tolist()},
        {f"run{i}": entry for i, entry in enumerate(ENTRIES)},
        [["params", "tokens", "loss"], *zip(N, D, L, strict=True)],
        {"params": dict(enumerate(N)), "tokens": dict(enumerate(D)), "loss": dict(enumerate(L))},
        {"columns": ["params", "tokens", "loss"], "index": [],
         "data": [list(row) for row in zip(N, D, L, strict=True)]},
    ],
)  # fmt: skip
def test_json(read, document):
    assert same(read(json.dumps(document), "runs.json"))


def test_json_lines_and_a_broken_line(read):
    lines = "\n".join(map(json.dumps, NESTED))
    assert same(read(lines, "runs.jsonl"))
    with pytest.raises(ValueError, match="line 3: not JSON"):
        read("\n".join([*lines.split("\n")[:2], "{broken", *lines.split("\n")[3:]]), "runs.jsonl")


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed(read, compress):
    assert same(read(compress(PLAIN.encode()), "runs.csv.gz"))
    with pytest.raises(ValueError, match="is damaged"):
        read(compress(PLAIN.encode())[:-20], "runs.csv.gz")


def test_a_zip_of_one_table(read, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("runs.csv", PLAIN)
    assert same(read((tmp_path / "a.zip").read_bytes(), "b.zip"))


def test_parquet(read, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"params": N, "tokens": D, "loss": L}), tmp_path / "a.parquet")
    assert same(read_runs(tmp_path / "a.parquet"))


def test_excel(tmp_path, monkeypatch):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["notes"])
    sheet = book.create_sheet("runs")
    sheet.append(["Runs of March"])
    sheet.append(["params", "tokens", "loss"])
    for row in zip(N, D, L, strict=True):
        sheet.append([float(x) for x in row])
    book.save(tmp_path / "a.xlsx")
    runs = read_runs(tmp_path / "a.xlsx")
    assert same(runs)
    assert "sheet 'runs'" in runs.notes
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ValueError, match="takes openpyxl: pip install"):
        read_runs(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("data", "word"), [(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "xlsx"), (b"PAR1xx", "damaged")]
)
def test_files_that_cannot_be_read_are_one_sentence(read, data, word):
    with pytest.raises(ValueError, match=word):
        read(data)


def test_the_budget_alone_gives_tokens(read):
    runs = read(
        json.dumps(
            [{"parameters": n, "compute_budget": c, "final_loss": x} for n, c, x in zip(N, BUDGETS, L, strict=True)]
        )
    )
    assert same(runs)
    assert "tokens computed as C / 6N" in runs.notes
