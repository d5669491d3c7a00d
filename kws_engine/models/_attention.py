"""The layers of a transformer. Imports torch, so the registry skips this module."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """softmax(q k^T / sqrt(d)) v for each head, all three (B, heads, tokens, d)."""

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(queries, keys, values)

    def macs(self, output: Tensor) -> int:
        """Multiply-accumulates for one clip: q k^T and the weighted sum of v."""
        _, heads, tokens, size = output.shape
        return 2 * heads * tokens * tokens * size


class SelfAttention(nn.Module):
    """Multi-head self-attention over tokens (B, tokens, size); queries, keys and values have no bias."""

    def __init__(self, size: int, *, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ask = nn.Linear(size, 3 * size, bias=False)
        self.attention = Attention()
        self.answer = nn.Linear(size, size)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, count, size = tokens.shape
        projected = self.ask(tokens).reshape(batch, count, 3, self.heads, size // self.heads).permute(2, 0, 3, 1, 4)
        attended = self.attention(projected[0], projected[1], projected[2])
        answer: Tensor = self.answer(attended.transpose(1, 2).reshape(batch, count, size))
        return answer


class TransformerLayer(nn.Module):
    """Self-attention, then two dense layers on each token, each added to its input, with layer norm before or after."""

    def __init__(self, size: int, hidden: int, *, heads: int, dropout: float, norm_first: bool) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.attention = nn.Sequential(SelfAttention(size, heads=heads), nn.Dropout(dropout))
        dense = (nn.Linear(size, hidden), nn.GELU(), nn.Linear(hidden, size))
        self.dense = nn.Sequential(*dense, nn.Dropout(dropout))
        self.norms = nn.ModuleList(nn.LayerNorm(size, eps=1e-6) for _ in range(2))

    def forward(self, tokens: Tensor) -> Tensor:
        for part, norm in zip((self.attention, self.dense), self.norms, strict=True):
            tokens = tokens + part(norm(tokens)) if self.norm_first else norm(tokens + part(tokens))
        return tokens


class WithClassToken(nn.Module):
    """(B, tokens, size) to (B, 1 + tokens, size): prepends a learned token and adds a learned position to each."""

    def __init__(self, tokens: int, size: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.empty(1, 1, size))
        self.places = nn.Parameter(torch.empty(1, 1 + tokens, size))

    def forward(self, tokens: Tensor) -> Tensor:
        first = self.first.expand(tokens.shape[0], -1, -1)
        return torch.cat([first, tokens], dim=1) + self.places


class FirstToken(nn.Module):
    """(B, tokens, size) to (B, size)."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]
