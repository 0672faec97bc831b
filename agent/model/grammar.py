"""Tool schemas -> token masks: a model under this grammar cannot write an invalid call.

The grammar is llguidance's. It forces the exact serialisation that training uses, so most tokens of a call are
forced and need no forward pass. JSON-schema keywords that cannot be enforced are refused, never dropped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from agent.model.protocol import CALL_CLOSE, CALL_OPEN, JSON_SEPARATORS, ToolSchema

NAME_GRAMMAR = r"""start: /[a-z][a-z '\-]{1,38}/ (", " /[a-z]{2,12}/)?"""  # fmt: skip
"""What a picture shows: a name, then maybe a colour."""

NUMBER_LIMIT = 1_000_000
"""Largest magnitude of a number in a call where its schema gives no bound."""


class GrammarError(ValueError):
    """A schema that the grammar cannot enforce; the message names the keyword."""


def call_schema(tools: Sequence[ToolSchema]) -> dict[str, Any]:
    """The JSON schema of one call to one of ``tools``, keys in the order of training."""
    item, key = JSON_SEPARATORS
    return {
        "x-guidance": {"item_separator": item, "key_separator": key, "whitespace_flexible": False},
        "anyOf": [
            {
                "type": "object",
                "properties": {
                    "name": {"const": tool["function"]["name"]},
                    "arguments": _closed(tool["function"].get("parameters") or {"type": "object"}),
                },
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
            for tool in tools
        ],
    }


def _closed(parameters: dict[str, Any]) -> dict[str, Any]:
    """Arguments that the schema does not name are never written, and numbers are finite: JSON's 1e999 is not."""
    if "anyOf" in parameters:  # the variants say all that the properties say
        return {"anyOf": [_closed(variant) for variant in parameters["anyOf"]]}
    properties = {name: _bounded(schema) for name, schema in parameters.get("properties", {}).items()}
    return {**parameters, "properties": properties, "additionalProperties": False}


def _bounded(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") not in ("number", "integer"):
        return schema
    return {"minimum": -NUMBER_LIMIT, "maximum": NUMBER_LIMIT, **schema}


def call_grammar(tools: Sequence[ToolSchema], tokenizer: PreTrainedTokenizerBase) -> str:
    """The Lark grammar of one Hermes call and nothing else."""
    return (
        f'start: {_mark(CALL_OPEN, tokenizer)} "\\n" call "\\n" {_mark(CALL_CLOSE, tokenizer)}\n'
        f"call: %json {json.dumps(call_schema(tools))}"
    )


def _mark(text: str, tokenizer: PreTrainedTokenizerBase) -> str:
    """A call mark as a special token where the vocabulary has one, as plain text elsewhere."""
    known = tokenizer.get_vocab().get(text)
    return f"<[{known}]>" if known is not None else json.dumps(text)


class Grammars:
    """Makes matchers for one tokenizer; the tokenizer's index is built once."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, vocab_size: int) -> None:
        from llguidance.hf import from_tokenizer

        self._tokenizer = tokenizer
        self._index: LLTokenizer = from_tokenizer(tokenizer, n_vocab=vocab_size)  # type: ignore[arg-type]

    def calls(self, tools: Sequence[ToolSchema]) -> Matcher:
        """One call to one of ``tools``."""
        return self.lark(call_grammar(tools, self._tokenizer))

    def lark(self, grammar: str) -> Matcher:
        """Any Lark grammar.

        Raises:
            GrammarError: llguidance cannot enforce it.
        """
        return Matcher(LLMatcher(self._index, LLMatcher.grammar_from_lark(grammar)), self._index.vocab_size)


class Matcher:
    """The state of one constrained generation."""

    def __init__(self, matcher: LLMatcher, vocab_size: int) -> None:
        if matcher.is_error():
            raise GrammarError(f"expected a schema that can be enforced, got: {matcher.get_error()}")
        self._matcher = matcher
        self._mask = allocate_token_bitmask(1, vocab_size)

    @property
    def finished(self) -> bool:
        """Whether nothing may follow."""
        return self._matcher.is_stopped()

    def forced(self) -> list[int]:
        """Tokens that are certain from here on; already consumed. Empty where there is a choice, or at the end."""
        tokens = self._matcher.compute_ff_tokens()
        if tokens:
            self._matcher.consume_tokens(tokens)
        return tokens

    def constrain(self, logits: Tensor) -> Tensor:
        """(V,) logits -> a copy in which forbidden tokens are -inf."""
        fill_next_token_bitmask(self._matcher, self._mask)
        # Bit k of word w is token 32 w + k; llguidance's own torch helper would start a compiler here.
        bits = np.unpackbits(self._mask.view(np.uint8), bitorder="little")[: logits.shape[-1]]
        return logits.masked_fill(torch.from_numpy(bits == 0).to(logits.device), -torch.inf)

    def accept(self, token: int) -> None:
        """Advance by a chosen token.

        Raises:
            GrammarError: the token was forbidden.
        """
        if not self._matcher.consume_token(token):
            raise GrammarError(f"expected an allowed token, got {token}: {self._matcher.get_error()}")

    def allows_end(self) -> bool:
        """Whether the text so far is complete."""
        return self._matcher.is_accepting()


def greedy_choice(logits: Tensor) -> tuple[int, float]:
    """(V,) logits -> the best token and its probability under the mask."""
    probabilities = torch.softmax(logits.float(), dim=-1)
    best = int(probabilities.argmax())
    return best, float(probabilities[best])
