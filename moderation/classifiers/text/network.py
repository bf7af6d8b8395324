"""The encoder as one small network: for training with a low-rank adapter, and for scoring.

The layers are those of BERT (Devlin et al. 2019) with query, key and value fused in one matrix.
Training keeps the encoder's matrices fixed and learns ``B @ A`` beside each (LoRA, Hu et al.
2021); for scoring the product is added into the matrix once, so the adapter costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

#: How the fused matrix of a layer is put together, and the others' names in the encoder's file.
_FUSED = ("attention.self.query", "attention.self.key", "attention.self.value")
_MATRICES = ("qkv", "attention.output.dense", "intermediate.dense", "output.dense")
_NORMS = ("attention.output.LayerNorm", "output.LayerNorm")
HEAD_DIM = 32
NORM_EPSILON = 1e-12


#: ``x, gelu -> W x + b`` with the activation behind it if ``gelu``, in float32.
Compute = Callable[[Tensor, bool], Tensor]
#: Weight and bias, made ready for one runtime.
Prepare = Callable[[Tensor, Tensor], Compute]


class AdaptedLinear(nn.Module):
    """``y = W x + b`` with a fixed W and, if ``rank`` is not 0, a learnt ``B A x`` beside it."""

    def __init__(self, weight: Tensor, bias: Tensor, rank: int) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.weight: Tensor
        self.bias: Tensor
        if rank:
            self.down = nn.Parameter(torch.empty(rank, weight.shape[1]))
            self.up = nn.Parameter(torch.zeros(weight.shape[0], rank))
            nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))
        self.rank = rank
        self._compute: Compute | None = None

    def forward(self, x: Tensor, *, gelu: bool = False) -> Tensor:
        if self._compute is not None:
            return self._compute(x, gelu)
        y = functional.linear(x, self.weight, self.bias)
        if self.rank:
            low = functional.linear(x, self.down.to(x.dtype))
            y = y + functional.linear(low, self.up.to(x.dtype))
        return functional.gelu(y) if gelu else y

    def compute_with(self, prepare: Prepare) -> None:
        """From now on let another runtime do it; the matrix itself is given up."""
        self._compute = prepare(self.weight, self.bias)
        self.weight = self.weight.new_empty(0)


class Layer(nn.Module):
    """One transformer layer, normalised after each residual sum."""

    def __init__(self, state: Mapping[str, Tensor], rank: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.linear = nn.ModuleDict(
            {
                name.replace(".", "_"): AdaptedLinear(
                    state[f"{name}.weight"].to(dtype), state[f"{name}.bias"].to(dtype), rank
                )
                for name in _MATRICES
            }
        )
        for name in _NORMS:
            for kind in ("weight", "bias"):
                self.register_buffer(
                    f"{name}.{kind}".replace(".", "_"), state[f"{name}.{kind}"].to(dtype)
                )

    def _norm(self, x: Tensor, name: str) -> Tensor:
        name = name.replace(".", "_")
        return functional.layer_norm(
            x,
            x.shape[-1:],
            self.get_buffer(f"{name}_weight"),
            self.get_buffer(f"{name}_bias"),
            NORM_EPSILON,
        )

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        batch, length, hidden = x.shape
        heads = hidden // HEAD_DIM
        qkv = self.linear["qkv"](x).view(batch, length, 3, heads, HEAD_DIM)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        context = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        context = context.transpose(1, 2).reshape(batch, length, hidden)
        x = self._norm(x + self.linear["attention_output_dense"](context), _NORMS[0])
        inner = self.linear["intermediate_dense"](x, gelu=True)
        return self._norm(x + self.linear["output_dense"](inner), _NORMS[1])


class TextNetwork(nn.Module):
    """Encoder, pooling and head: token ids in, one logit per output out.

    ``state`` holds the encoder's tensors by their ``transformers`` names. ``layers`` uses only
    the first so many; the first ``fixed`` of them get no adapter, which spares their backward
    pass. Word embeddings stay where ``state`` has them (mapped from disk).
    """

    def __init__(
        self,
        state: Mapping[str, Tensor],
        outputs: int,
        *,
        rank: int = 0,
        layers: int = 12,
        fixed: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.dtype = dtype
        # Not buffers: nn.Module.to() or state_dict() should not copy 384 MB.
        self._words = state["embeddings.word_embeddings.weight"]
        self.hidden = self._words.shape[1]
        positions = state["embeddings.position_embeddings.weight"]
        self._positions = positions + state["embeddings.token_type_embeddings.weight"][0]
        self._norm_weight = state["embeddings.LayerNorm.weight"]
        self._norm_bias = state["embeddings.LayerNorm.bias"]
        self.layers = nn.ModuleList(
            Layer(_layer_state(state, index), rank if index >= fixed else 0, dtype)
            for index in range(layers)
        )
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(2 * self.hidden, outputs)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    @property
    def positions(self) -> int:
        """The longest input, in tokens."""
        return int(self._positions.shape[0])

    def embedded(self, ids: Tensor) -> Tensor:
        """States before the first layer: (n, length, hidden) of token ids (n, length) int64."""
        x = functional.embedding(ids, self._words) + self._positions[: ids.shape[1]]
        return functional.layer_norm(
            x, (self.hidden,), self._norm_weight, self._norm_bias, NORM_EPSILON
        ).to(self.dtype)

    def through(self, x: Tensor, mask: Tensor, first: int, last: int) -> Tensor:
        """States after the layers from ``first`` up to but without ``last``, counted from 0."""
        attention = None if bool(mask.all()) else mask[:, None, None, :]
        for layer in self.layers[first:last]:
            x = layer(x, attention)
        return x

    def pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        """`pool` of the last hidden states.

        ``ids`` (n, length) int64; ``mask`` (n, length) bool, True where a token is real.
        """
        return pool(self.through(self.embedded(ids), mask, 0, len(self.layers)), mask)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Logits (n, outputs) float32."""
        logits: Tensor = self.head(self.dropout(self.pooled(ids, mask)))
        return logits

    def products(self, layer: int) -> list[tuple[Tensor, Tensor]]:
        """Weight and bias of a layer's matrix products, in the order of the forward pass."""
        return [(m.weight, m.bias) for m in self.layers[layer].modules()
                if isinstance(m, AdaptedLinear)]  # fmt: skip

    def compute_with(self, prepare: Prepare) -> None:
        """Let another runtime do the matrix products; for scoring only, after `merge_adapter`."""
        for module in self.modules():
            if isinstance(module, AdaptedLinear):
                module.compute_with(prepare)

    def adapter_state(self) -> dict[str, Tensor]:
        """What training learns: the adapter's and the head's tensors, by name."""
        return {n: p.detach() for n, p in self.named_parameters()}

    @torch.no_grad()
    def merge_adapter(self) -> None:
        """Add every ``B A`` into its matrix, and drop the adapter."""
        for module in self.modules():
            if isinstance(module, AdaptedLinear) and module.rank:
                product = module.up.float() @ module.down.float()
                module.weight = (module.weight.float() + product).to(module.weight.dtype)
                module.rank = 0
                del module.up, module.down


def pool(x: Tensor, mask: Tensor) -> Tensor:
    """Mean and maximum of hidden states over real tokens: (n, 2 * hidden) float32."""
    x = x.float()
    real = mask.unsqueeze(-1)
    mean = (x * real).sum(1) / real.sum(1)
    peak = x.masked_fill(~real, -torch.inf).amax(1)
    return torch.cat([mean, peak], 1)


def _layer_state(state: Mapping[str, Tensor], index: int) -> dict[str, Tensor]:
    prefix = f"encoder.layer.{index}."
    own = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
    for kind in ("weight", "bias"):
        own[f"qkv.{kind}"] = torch.cat([own[f"{name}.{kind}"] for name in _FUSED])
    return own


def pad_batch(ids: list[list[int]], pad: int) -> tuple[Tensor, Tensor]:
    """Token ids and mask as (n, longest) tensors."""
    longest = max(len(row) for row in ids)
    tokens = torch.full((len(ids), longest), pad, dtype=torch.int64)
    mask = torch.zeros((len(ids), longest), dtype=torch.bool)
    for index, row in enumerate(ids):
        tokens[index, : len(row)] = torch.tensor(row, dtype=torch.int64)
        mask[index, : len(row)] = True
    return tokens, mask
