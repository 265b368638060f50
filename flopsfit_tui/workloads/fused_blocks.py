"""Blocks of a narrow transformer as one function: the gradient written out, attention as products of matrices.

In a narrow model on a CPU a step's time goes into calls, not into FLOPs. This makes no fewer kernels than torch's
modules but leaves out what stands around them (modules, autograd's own bookkeeping, copies of q, k and v), and the
gradient of attention takes a third of the time of torch's fused one (16 and 64 tokens, heads of 4 to 14: 80 us beside
240). Heads come first, (3, H, B, T, d/H), so that q, k and v are contiguous as they are made.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

EPSILON = 1e-5  # nn.LayerNorm's own
_norm_backward: Any = torch.ops.aten.native_layer_norm_backward
_softmax_backward: Any = torch.ops.aten._softmax_backward_data
Saved = tuple[Tensor, ...]


class FusedBlocks(Function):
    """(x (B, T, d), bias (1, H, T, T) or None, heads, six weights a block ..., the last norm's weight) -> (B, T, d)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor | None, heads: int, *weights: Tensor) -> Tensor:
        """Blocks, then the norm."""
        B, T, d = x.shape
        rows = x.reshape(B * T, d)
        saved: list[Saved] = []
        for first in range(0, len(weights) - 1, 6):
            rows, kept = _forward(rows, bias, heads, T, weights[first : first + 6])
            saved.append(kept)
        out, mean, inverse = torch.native_layer_norm(rows, (d,), weights[-1], None, EPSILON)
        ctx.save_for_backward(*weights)
        ctx.kept, ctx.sizes = (rows, mean, inverse, saved), (B, T, heads)  # made here: nobody else changes them
        return out.view(B, T, d)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x and of every weight."""
        (B, T, heads), (rows, mean, inverse, saved) = ctx.sizes, ctx.kept
        weights: Saved = ctx.saved_tensors
        d = rows.shape[1]
        g, g_norm = _norm_grad(grad.reshape(B * T, d), rows, mean, inverse, weights[-1])
        grads: list[Tensor] = [g_norm]
        for block in range(len(saved) - 1, -1, -1):
            g, of_weights = _backward(g, heads, T, weights[6 * block : 6 * block + 6], saved[block])
            grads = [*of_weights, *grads]
        return g.view(B, T, d), None, None, *grads


def _norm_grad(grad: Tensor, x: Tensor, mean: Tensor, inverse: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    mask = (True, True, False)
    of_x, of_weight, _ = _norm_backward(grad, x, (x.shape[1],), mean, inverse, weight, None, mask)
    return of_x, of_weight


def _forward(x: Tensor, bias: Tensor | None, H: int, T: int, weights: Saved) -> tuple[Tensor, Saved]:
    """One block on x (B*T, d); also what its gradient needs."""
    norm1, w_qkv, w_project, norm2, w_up, w_down = weights
    rows, d = x.shape
    each = d // H
    n1, mean1, inverse1 = torch.native_layer_norm(x, (d,), norm1, None, EPSILON)
    qkv = torch.bmm(n1.expand(3 * H, rows, d), w_qkv.view(3 * H, each, d).mT).view(3, -1, T, each)  # (3, H*B, T, d/H)
    q, k, v = qkv.unbind()
    logits = torch.empty(q.shape[0], T, T)
    torch.baddbmm(logits, q, k.mT, beta=0, alpha=each**-0.5, out=logits)  # (H*B, T, T)
    if bias is not None:
        logits.view(H, -1, T, T).add_(bias.transpose(0, 1))
    share = torch.softmax(logits, -1)
    mixed = torch.cat(torch.bmm(share, v).view(H, rows, each).unbind(), 1)  # (B*T, d)
    x1 = torch.addmm(x, mixed, w_project.t())
    n2, mean2, inverse2 = torch.native_layer_norm(x1, (d,), norm2, None, EPSILON)
    positive = torch.mm(n2, w_up.t()).relu_()
    squared = positive * positive
    out = torch.addmm(x1, squared, w_down.t())
    return out, (x, n1, mean1, inverse1, qkv, share, mixed, x1, n2, mean2, inverse2, positive, squared)


def _backward(g: Tensor, H: int, T: int, weights: Saved, saved: Saved) -> tuple[Tensor, Saved]:
    """From the gradient by a block's output (B*T, d) to those by its input and its weights."""
    norm1, w_qkv, w_project, norm2, w_up, w_down = weights
    x, n1, mean1, inverse1, qkv, share, mixed, x1, n2, mean2, inverse2, positive, squared = saved
    rows, d = x.shape
    each = d // H
    g_down = torch.mm(g.t(), squared)
    g_up_out = torch.mm(g, w_down * 2).mul_(positive)  # the square's gradient is 2 relu(u)
    g_up = torch.mm(g_up_out.t(), n2)
    g1, g_norm2 = _norm_grad(torch.mm(g_up_out, w_up), x1, mean2, inverse2, norm2)
    g1.add_(g)
    g_project = torch.mm(g1.t(), mixed)
    g_mixed = torch.bmm(g1.expand(H, rows, d), w_project.view(d, H, each).transpose(0, 1)).view(-1, T, each)
    q, k, v = qkv.unbind()
    g_qkv = torch.empty_like(qkv)
    g_q, g_k, g_v = g_qkv.unbind()
    torch.bmm(share.mT, g_mixed, out=g_v)
    g_logits = _softmax_backward(torch.bmm(g_mixed, v.mT), share, -1, torch.float32)
    torch.baddbmm(g_q, g_logits, k, beta=0, alpha=each**-0.5, out=g_q)
    torch.baddbmm(g_k, g_logits.mT, q, beta=0, alpha=each**-0.5, out=g_k)
    g_rows = torch.cat(g_qkv.view(3 * H, rows, each).unbind(), 1)  # (B*T, 3d)
    of_qkv = torch.mm(g_rows.t(), n1)
    g0, g_norm1 = _norm_grad(torch.mm(g_rows, w_qkv), x, mean1, inverse1, norm1)
    return g0.add_(g1), (g_norm1, of_qkv, g_project, g_norm2, g_up, g_down)
