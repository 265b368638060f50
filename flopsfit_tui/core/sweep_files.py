"""The files that a sweep writes into its directory. Which of them lie there, and as written, its manifest says."""

DATABASE = "sweep.db"
PLAN_COPY = "sweep.plan"
MANIFEST = "sweep.files"
SOCKET = "sweep.sock"  # other terminals control a running sweep by it
POINTER = "sweep.sock.at"  # where the socket lies when its path would be too long
LOG = "sweep.log"  # what a sweep without a terminal says
HEADS = {LOG: b"flopsfit-tui: ", POINTER: b'{"by": "flopsfit-tui"'}  # how ours begin
STORE_FILES = (
    DATABASE,
    f"{DATABASE}-journal",
    f"{DATABASE}-wal",
    f"{DATABASE}-shm",
    f"{DATABASE}.lock",
    PLAN_COPY,
    MANIFEST,
    SOCKET,
    POINTER,
    LOG,
)
ARCHIVED = ("sweep-????????-??????.db", "sweep-????????-??????.plan")  # sweeps that a fresh start has put aside
FIGURES = ("isoflop", "loss_curves", "scaling", "residuals")
EXPORTED = (
    *("trials.csv", "history.csv", "optimum.csv", "fit.json", "summary.txt", "report.md", "report.html"),
    *(f"{name}.png" for name in FIGURES),
)
FILES = (*STORE_FILES, *ARCHIVED, *EXPORTED)  # as patterns
