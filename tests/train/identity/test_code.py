"""Small pieces of code: those that do the same have the same key, and those that do not have another."""

import importlib.util
import itertools
import sys

import pytest

from flopsfit_tui.train.identity.walk import Walker

# name, one way to write `target`, another, whether they are the same
PAIRS = [
    pytest.param("def target(f): return f(a=1,b=2)\n", "def target(f): return f(b=2,a=1)\n", False, id="kw order"),
    pytest.param("def target(): return 1\n", "def target(): return True\n", False, id="1 vs True"),
    pytest.param("def target(): return 0.0\n", "def target(): return -0.0\n", False, id="0.0 vs -0.0"),
    pytest.param("def target(a,b): return a and b\n", "def target(a,b): return a or b\n", False, id="and/or"),
    pytest.param("def target(a,b): return a<b\n", "def target(a,b): return a<=b\n", False, id="<"),
    pytest.param(
        "def target(a):\n    try:\n        a()\n        a.b()\n    except ValueError: pass\n",
        "def target(a):\n    try:\n        a()\n    except ValueError: pass\n    a.b()\n",
        False,
        id="try range",
    ),
    pytest.param(
        "def target(a):\n    try: a()\n    except ValueError as e: print(e)\n",
        "def target(a):\n    try: a()\n    except ValueError as err: print(err)\n",
        True,
        id="try var",
    ),
    pytest.param(
        "def target():\n    a=1\n    b=2\n    return a-b\n",
        "def target():\n    a=1\n    b=2\n    return b-a\n",
        False,
        id="swap locals",
    ),
    pytest.param(
        "def target():\n    a=1\n    b=2\n    def g(): return a-b\n    return g\n",
        "def target():\n    a=1\n    b=2\n    def g(): return b-a\n    return g\n",
        False,
        id="swap cells",
    ),
    pytest.param(
        "def mk(a,b):\n    def g(): return a-b\n    return g\ntarget=mk(1,2)\n",
        "def mk(a,b):\n    def g(): return b-a\n    return g\ntarget=mk(1,2)\n",
        False,
        id="swap free",
    ),
    pytest.param(
        "def mk(a,b):\n    def g(): return a-b\n    return g\ntarget=mk(1,2)\n",
        "def mk(z,b):\n    def g(): return z-b\n    return g\ntarget=mk(1,2)\n",
        True,
        id="rename free",
    ),
    pytest.param(
        "def mk(a,b):\n    def g():\n        def h(): return b\n        return a,h\n    return g\ntarget=mk(1,2)\n",
        "def mk(z,b):\n    def g():\n        def h(): return b\n        return z,h\n    return g\ntarget=mk(1,2)\n",
        True,
        id="free unused order",
    ),
    pytest.param(
        "def target():\n    c=0\n    def g():\n        nonlocal c\n        c+=1\n    return g\n",
        "def target():\n    kk=0\n    def g():\n        nonlocal kk\n        kk+=1\n    return g\n",
        True,
        id="nonlocal",
    ),
    pytest.param(
        "def target(x):\n    match x:\n        case {'a': y}: return y\n        case [z,*r]: return r\n",
        (
            "def target(x):\n"
            "    # hi\n"
            "    match x:\n"
            "        case {'a': yy}:\n"
            "\n"
            "            return yy\n"
            "        case [zz,*rr]:\n"
            "            return rr\n"
        ),
        True,
        id="match",
    ),
    pytest.param(
        "def target(x):\n    with x as f, x: return f\n",
        "def target(x):\n    with (x as g,\n          x):\n        return g\n",
        True,
        id="with",
    ),
    pytest.param("def target(x): return f'{x:.2f}'\n", "def target(x): return f'{x:.3f}'\n", False, id="fstring"),
    pytest.param(
        "def target(x):\n    while (n:=x()): print(n)\n",
        "def target(x):\n    while (m:=x()):\n        print(m)\n",
        True,
        id="walrus",
    ),
    pytest.param(
        "def target(x): return x if x else 0\n",
        "def target(x):\n    return (\n        x\n        if x\n        else 0\n    )\n",
        True,
        id="parens",
    ),
    pytest.param(
        "def target(x):\n    if x and x.a: return 1\n    else: return 2\n",
        "def target(x):\n    if (x\n        and x.a):\n        return 1\n    else:\n        return 2\n",
        True,
        id="ifelse layout",
    ),
    pytest.param(
        "import functools\ndef d(f): return f\n@d\ndef target(x): return x\n",
        "import functools\ndef d(f):\n    return f\n\n# c\n@d\n# c\ndef target(x):\n    return x\n",
        True,
        id="decorator line",
    ),
    pytest.param("class target:\n    'a'\n    x=1\n", "class target:\n    'b'\n\n    x=1\n", True, id="class doc"),
    pytest.param(
        "def target(x: int) -> int:\n    y: int = 1\n    return y\n",
        "def target(x):\n    y = 1\n    return y\n",
        True,
        id="annotations",
    ),
    pytest.param("class target:\n    x: int = 1\n", "class target:\n    x: float = 1\n", True, id="class ann"),
    pytest.param(
        "target=[lambda x: x+1, lambda x: x+2]\n", "target=[lambda x: x+1, lambda x: x+3]\n", False, id="lambda two"
    ),
    pytest.param(
        "target=[lambda x: x+1, lambda x: x+2]\n",
        "target=[\n lambda x: x+1,\n lambda x: x+2,\n]\n",
        True,
        id="lambda layout",
    ),
    pytest.param("async def target(x):\n    await x\n", "async def target(x):\n    return x\n", False, id="async"),
    pytest.param("def target(x):\n    yield x\n", "def target(x):\n    yield x+1\n", False, id="gen"),
    pytest.param("def target(*a, **k): return a\n", "def target(a, **k): return a\n", False, id="star"),
    pytest.param(
        "def target(x): return x in {'a','b','c'}\n", "def target(x): return x in {'c','b','a'}\n", True, id="set const"
    ),
    pytest.param(
        "def target():\n    class A:\n        q=1\n    return A\n",
        "def target():\n    class A:\n        r=1\n    return A\n",
        False,
        id="local class rename attr",
    ),
    pytest.param("def target(a=[1]): pass\n", "def target(a=[2]): pass\n", False, id="default mutable"),
    pytest.param(
        "C={'a':1}\ndef target(): return C['a']\n",
        "C={'a':1}\nC['a']=2\ndef target(): return C['a']\n",
        False,
        id="global mutated",
    ),
    pytest.param(
        "class S:\n    __slots__=('a',)\ntarget=S(); target.a=1\n",
        "class S:\n    __slots__=('a',)\ntarget=S(); target.a=2\n",
        False,
        id="slots",
    ),
    pytest.param(
        "class L(list): pass\ntarget=L([1])\n", "class L(list): pass\ntarget=L([2])\n", False, id="list subclass"
    ),
    pytest.param(
        "class L(float): pass\ntarget=L(1)\n", "class L(float): pass\ntarget=L(2)\n", False, id="float subclass"
    ),
    pytest.param(
        "def target(n): return target(n-1) if n else 0\n",
        "def target(n):\n    # x\n    return target(n-1) if n else 0\n",
        True,
        id="recursion",
    ),
    pytest.param(
        "def a(n): return b(n)\ndef b(n): return a(n)+1\ntarget=a\n",
        "def a(n): return b(n)\ndef b(n): return a(n)+2\ntarget=a\n",
        False,
        id="mutual",
    ),
    pytest.param("def target(): pass\ntarget.k=1\n", "def target(): pass\ntarget.k=2\n", False, id="fn attr"),
    pytest.param("def target(*, a=1): pass\n", "def target(*, a=2): pass\n", False, id="kwonly"),
    pytest.param("def target(a):\n    del a.x\n", "def target(a):\n    a.x\n", False, id="del"),
    pytest.param("def target(): return 2\n", "def target(): return 2.0\n", False, id="int vs float"),
    pytest.param(
        "def target(): return (1,(2,'a'))\n", "def target(): return (1,(2,'b'))\n", False, id="chain const tuple"
    ),
    pytest.param(
        "def target():\n    a=1\n    return locals()\n",
        "def target():\n    b=1\n    return locals()\n",
        False,
        id="locals()",
    ),
    pytest.param(
        "import enum\nclass E(enum.Enum):\n    A=1\ntarget=E\n",
        "import enum\nclass E(enum.Enum):\n    A=2\ntarget=E\n",
        False,
        id="metaclass eq",
    ),
    pytest.param(
        "from typing import Generic, TypeVar\nT=TypeVar('T')\nclass target(Generic[T]):\n    x=1\n",
        "from typing import Generic, TypeVar\nT=TypeVar('T')\nclass target(Generic[T]):\n    x=1 # c\n",
        True,
        id="typing",
    ),
    pytest.param(
        "from typing import Protocol\nclass target(Protocol):\n    def f(self): ...\n",
        "from typing import Protocol\nclass target(Protocol):\n    def f(self): ...\n# c\n",
        True,
        id="protocol",
    ),
    pytest.param(
        "from collections import ChainMap\ntarget=ChainMap({'a':1})\n",
        "from collections import ChainMap\ntarget=ChainMap({'a':2})\n",
        False,
        id="chain map",
    ),
    pytest.param("target=iter([1,2])\n", "target=iter([1,3])\n", False, id="iter"),
    pytest.param("target=zip([1],[2])\n", "target=zip([1],[3])\n", False, id="zip"),
    pytest.param(
        "import itertools\ntarget=itertools.cycle([1])\n",
        "import itertools\ntarget=itertools.cycle([2])\n",
        False,
        id="itertools",
    ),
    pytest.param(
        "from types import MappingProxyType as M\ntarget=M({'a':1})\n",
        "from types import MappingProxyType as M\ntarget=M({'a':2})\n",
        False,
        id="mappingproxy",
    ),
    pytest.param(
        "from decimal import Decimal\ntarget=Decimal('1.1')\n",
        "from decimal import Decimal\ntarget=Decimal('1.2')\n",
        False,
        id="decimal",
    ),
    pytest.param(
        "import datetime\ntarget=datetime.date(2020,1,1)\n",
        "import datetime\ntarget=datetime.date(2020,1,2)\n",
        False,
        id="datetime",
    ),
    pytest.param("import io\ntarget=io.BytesIO(b'a')\n", "import io\ntarget=io.BytesIO(b'b')\n", False, id="bytesio"),
    pytest.param(
        "import numpy as np\ntarget=[np.array([1.0]),np.array([2.0])]\n",
        "import numpy as np\ntarget=[np.array([1.0]),np.array([2.5])]\n",
        False,
        id="ndarray of arrays",
    ),
    pytest.param(
        "import array\ntarget=array.array('d',[1])\n",
        "import array\ntarget=array.array('d',[2])\n",
        False,
        id="array.array",
    ),
    pytest.param("target=memoryview(b'abc')\n", "target=memoryview(b'abd')\n", False, id="memoryview"),
    pytest.param("target=2**100\n", "target=2**100+1\n", False, id="bigint"),
    pytest.param(
        "target=[[i,[str(i)]] for i in range(1000)]\n",
        "target=[[i,[str(i)]] for i in range(999)]+[[999,['x']]]\n",
        False,
        id="nested big list",
    ),
    pytest.param(
        "class target:\n    @property\n    def a(self): return 1\n",
        "class target:\n    @property\n    def a(self): return 2\n",
        False,
        id="property setter",
    ),
    pytest.param(
        "import functools\nclass target:\n    @functools.cached_property\n    def a(self): return 1\n",
        "import functools\nclass target:\n    @functools.cached_property\n    def a(self): return 2\n",
        False,
        id="cached_property",
    ),
    pytest.param(
        "class A:\n    def f(self): return 1\nclass B(A):\n    def f(self): return super().f()\ntarget=B()\n",
        "class A:\n    def f(self): return 2\nclass B(A):\n    def f(self): return super().f()\ntarget=B()\n",
        False,
        id="super",
    ),
    pytest.param(
        "import numpy as np\ntarget=np.vectorize(lambda x:x+1)\n",
        "import numpy as np\ntarget=np.vectorize(lambda x:x+2)\n",
        False,
        id="np.vectorize",
    ),
]
# ways in which `target` reaches f of a module of the user's own
WAYS = [
    "def target(x):\n    from userlib.deep import f\n    return f(x)\n",
    "def target(x):\n    import userlib.deep\n    return userlib.deep.f(x)\n",
    "def target(x):\n    import userlib.deep as d\n    return d.f(x)\n",
    "def target(x):\n    from userlib import deep\n    return deep.f(x)\n",
    "import userlib.deep\ndef target(x):\n    return userlib.deep.f(x)\n",
    "from userlib import deep as d\ndef target(x):\n    return getattr(d, 'f')(x)\n",
    "from userlib.deep import f\nL=[f]\ndef target(x):\n    return L[0](x)\n",
    "from userlib.deep import f\ndef target(x):\n    return globals()['f'](x)\n",
    "from userlib.deep import f\ndef target(x):\n    return eval('f(x)')\n",
    "from userlib.deep import f\nclass A:\n    g=staticmethod(f)\nclass B(A): pass\ntarget=B\n",
    (
        "from userlib.deep import f\n"
        "class A:\n"
        "    def __init__(self): self.f=f\n"
        "    @property\n"
        "    def p(self): return f(1)\n"
        "target=A().__init__\n"
    ),
    (
        "from userlib.deep import f\n"
        "import torch\n"
        "class Fn(torch.autograd.Function):\n"
        "    @staticmethod\n"
        "    def forward(ctx,x): return f(x)\n"
        "def target(x): return Fn.apply(x)\n"
    ),
    "from userlib.deep import f\nimport torch.nn.functional as F\nF.my=f\ndef target(x): return F.my(x)\n",
    "from userlib.deep import f\nimport functools\n@functools.singledispatch\ndef target(x): return f(x)\n",
    "from userlib.deep import f\nimport torch\n@torch.no_grad()\ndef target(x): return f(x)\n",
    "from userlib.deep import f\nimport contextlib\n@contextlib.contextmanager\ndef target(x):\n    yield f(x)\n",
    "from userlib.deep import f\ntarget=lambda x: [f(i) for i in range(x)]\n",
    (
        "from userlib.deep import f\n"
        "def target(x):\n"
        "    def inner():\n"
        "        return (f(i) for i in x)\n"
        "    return inner\n"
    ),
    (
        "from userlib.deep import f\n"
        "class M(type):\n"
        "    def __call__(cls,*a): return f(*a)\n"
        "class target(metaclass=M): pass\n"
    ),
    "from userlib.deep import f\nclass D:\n    def __get__(self,o,t=None): return f\nclass target:\n    d=D()\n",
    "from userlib.deep import f\nimport operator\ntarget=operator.methodcaller('x', f)\n",
    "from userlib.deep import f\ntarget=map(f,[1,2])\n",
    "from userlib.deep import f\nfrom types import SimpleNamespace as S\ntarget=S(a=f)\n",
    (
        "from userlib.deep import f\n"
        "import torch\n"
        "target=torch.nn.Linear(1,1)\n"
        "target.requires_grad_(False).weight.zero_()\n"
        "target.bias.zero_()\n"
        "target.register_forward_hook(lambda m,i,o: f(o))\n"
    ),
    "from userlib.deep import f\nimport torch\ntarget=torch.vmap(f)\n",
    "from userlib.deep import f\nfrom torchvision.transforms import Lambda\ntarget=Lambda(f)\n",
]
WHOLE = ("getattr", "import deep\n    return", "deep as d\n", "import userlib.deep\n    return")
_count = itertools.count()


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """The digest of what a piece of source calls `target`."""

    def of(source, helper="def f(x): return x\n"):
        folder = tmp_path / str(next(_count))
        (folder / "userlib").mkdir(parents=True)
        (folder / "userlib/__init__.py").touch()
        (folder / "userlib/deep.py").write_text(helper)
        (folder / "piece.py").write_text(source)
        for name in [name for name in sys.modules if name.startswith("userlib")]:
            monkeypatch.delitem(sys.modules, name)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(folder)
            spec = importlib.util.spec_from_file_location("piece", folder / "piece.py")
            module = importlib.util.module_from_spec(spec)
            patch.setitem(sys.modules, "piece", module)
            spec.loader.exec_module(module)
            walker = Walker()
            found = walker.part("x", module.target)
        assert not walker.unsure
        return found

    return of


@pytest.mark.parametrize(("one", "other", "same"), PAIRS)
def test_code_counts_by_what_it_does(one, other, same, digest):
    assert (digest(one) == digest(other)) == same


@pytest.mark.parametrize("way", WAYS)
def test_a_users_function_counts_however_it_is_reached(way, digest):
    plus_one = "def f(x): return x + 1\n"
    before = digest(way, plus_one)
    assert digest(way, "def f(x): return x + 2\n") != before
    more = "" if any(part in way for part in WHOLE) else "UNUSED = 3\n"
    assert digest(way, f"# more\n\ndef f(x):\n    'doc'\n    return (x +\n        1)\n{more}") == before


def test_a_users_module_with_a_name_of_pythons_own_is_the_users(digest, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    found = set()
    for i in (1, 2):
        monkeypatch.delitem(sys.modules, "antigravity", raising=False)
        (tmp_path / "antigravity.py").write_text(f"def f(x): return x + {i}  {'#' * i}\n")
        importlib.invalidate_caches()
        found.add(digest("from antigravity import f\ndef target(x): return f(x)\n"))
    monkeypatch.delitem(sys.modules, "antigravity")
    assert len(found) == 2
