"""Tensors, arrays and tables: by every byte of their content; torch's operators by their names."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from flopsfit_tui.train.identity.files import LOOKED_AT, are_paths

if TYPE_CHECKING:
    from flopsfit_tui.train.identity.walk import Walker


def walk_array(walker: Walker, value: Any) -> bool:
    """Visit a value that is nothing but data, or one of torch's operators; False for any other."""
    if isinstance(value, torch.Tensor):
        _tensor(walker, value)
    elif isinstance(value, torch.Generator):
        walker.stream.text("generator", str(value.device))
        _tensor(walker, value.get_state())
    elif isinstance(value, np.ndarray):
        _array(walker, value)
    elif isinstance(value, np.generic):
        _array(walker, np.asarray(value))
    elif isinstance(value, memoryview | mmap.mmap):
        walker.stream.feed("bytes", memoryview(value).tobytes())
    elif _is(value, "pandas", "DataFrame", "Series", "Index"):
        _table(walker, value)
    elif _is(value, "pyarrow", "Table"):
        _arrow(walker, value)
    elif isinstance(value, torch.jit.ScriptModule | torch.jit.ScriptFunction):
        walker.doubt("compiled by torch.jit")
    elif _is(value, "torch", "OpOverload", "OpOverloadPacket"):
        _operator(walker, str(value))
    else:
        return False
    walker.library(type(value).__module__)
    return True


def _is(value: Any, library: str, *names: str) -> bool:
    """Whether a value is of one of a library's classes, without importing it."""
    return type(value).__module__.partition(".")[0] == library and type(value).__name__ in names


def _operator(walker: Walker, name: str) -> None:
    """What torch.ops holds: torch's own are what its version makes of their names, others what somebody registered."""
    if name.partition(".")[0] not in ("aten", "prims", "prim", "torchvision"):
        walker.doubt("an operator that is not torch's own")
    walker.stream.text("operator", name)


def _tensor(walker: Walker, tensor: torch.Tensor) -> None:
    about = (type(tensor).__name__, tuple(tensor.shape), str(tensor.dtype), tensor.requires_grad)
    walker.stream.text("tensor", repr(about))
    if tensor.is_meta:
        return
    try:
        whole = tensor.detach()
        whole = whole if whole.layout == torch.strided else whole.to_dense()
        whole = whole.cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
        walker.stream.feed("content", whole.view(torch.uint8).numpy().data if whole.numel() else b"")
    except (RuntimeError, TypeError, NotImplementedError):
        walker.doubt(f"a tensor of an unusual kind, {tensor.dtype}")


def _array(walker: Walker, array: np.ndarray) -> None:
    walker.stream.text("array", repr((type(array).__name__, array.shape, str(array.dtype), array.dtype.descr)))
    if isinstance(array, np.ma.MaskedArray):
        walker.walk(np.ma.getmaskarray(array))
        array = array.data
    if array.dtype.hasobject or array.dtype.kind == "T":
        walker.walk(array.reshape(-1).tolist())
        return
    whole = np.ascontiguousarray(array).reshape(-1)
    walker.stream.feed("content", whole.view(np.uint8).data if whole.size and whole.itemsize else b"")
    if array.dtype.kind == "U":
        walker.texts(whole.tolist())


def _table(walker: Walker, table: Any) -> None:
    """A pandas table or column, by its index and its columns."""
    frame = table.ndim == 2
    columns = [table.iloc[:, i] for i in range(table.shape[1])] if frame else [table]
    walker.walk([str(name) for name in (table.columns if frame else [table.name])])
    for column in (*([table.index] if hasattr(table, "index") else []), *columns):
        walker.stream.text("column", str(column.dtype))
        _array(walker, np.asarray(column))


def _arrow(walker: Walker, table: Any) -> None:
    """An Arrow table, which may lie on disk, part by part as it would be written; its metadata do not count.

    Where it names files, as tables of images do, they are read too.
    """
    import pyarrow
    import pyarrow.compute

    table = table.replace_schema_metadata(None)
    for column in table.columns:
        kind = column.type
        if pyarrow.types.is_struct(kind) and kind.get_field_index("path") >= 0:
            column = pyarrow.compute.struct_field(column, "path")
        if pyarrow.types.is_string(column.type) or pyarrow.types.is_large_string(column.type):
            some = column.take(list(range(0, len(column), max(1, len(column) // LOOKED_AT)))).to_pylist()
            if are_paths([text for text in some if text]):
                walker.texts([text or "" for text in column.to_pylist()])
    with pyarrow.ipc.new_stream(pyarrow.PythonFile(_Written(walker), "w"), table.schema) as writer:
        writer.write_table(table, max_chunksize=1 << 16)


class _Written:
    """A file whose bytes go into the hash."""

    closed = False

    def __init__(self, walker: Walker) -> None:
        self._stream = walker.stream
        self._at = 0

    def write(self, part: Any) -> int:
        view = memoryview(part).cast("B")
        self._stream.feed("written", view)
        self._at += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""
