"""The greedy loop against the network run over the whole sequence, and what it keeps."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer

from agent.model.pointer.choices import Choice, Of
from agent.model.pointer.decoding import PointerWriter, allowed_places
from agent.model.pointer.grammar import CallGrammar
from agent.model.pointer.items import items_of
from agent.model.pointer.network import item_ids, padded, source_tensors
from agent.model.pointer.reading import read
from agent.model.pointer.spans import SpanPlanner
from agent.model.protocol import Message, ToolCall, parse_call, tool_message, user_message
from tools.toolbox.toolbox import tool_schemas

MESSAGES: list[Message] = [
    user_message("[3.0 s] where is my zorblat"),
    tool_message("where_is", "o5 your zorblat is 4.5 m away, behind you"),
]


@torch.inference_mode()
def slow_call(writer: PointerWriter, messages: list[Message]) -> ToolCall:
    """Greedy writing that computes everything anew at each step."""
    network, tools = writer.network, tool_schemas()
    source, items = read(messages, writer.tokenizer), items_of(tools)
    ids, mask = padded(item_ids(items.texts, writer.tokenizer))
    kinds = torch.tensor([int(kind) for kind in items.kinds])
    memory = torch.cat([network.read(*source_tensors([source]))[0], network.read_items(ids, mask, kinds)]).unsqueeze(0)
    words, pieces = len(writer.vocabulary.words), len(source)
    writing = CallGrammar(tools, items, source, writer.vocabulary, SpanPlanner(writer.tokenizer)).call()
    step = next(writing)
    chosen: list[tuple[int, int]] = [(-1, -1)]
    while True:
        scores = network(
            memory,
            torch.ones(memory.shape[:2]),
            torch.tensor([[word for word, _ in chosen]]),
            torch.tensor([[place for _, place in chosen]]),
        )[0, -1]
        places = allowed_places(step, words, pieces)
        best = places[int(scores[torch.tensor(places)].argmax())]
        of = Of.WORD if best < words else Of.TOKEN if best < words + pieces else Of.ITEM
        choice = Choice(of, best - (0, words, words + pieces)[of])
        chosen.append((best, -1) if of is Of.WORD else (-1, best - words))
        try:
            step = writing.send(choice)
        except StopIteration as end:
            return end.value


def test_kept_attention_and_skipped_choices_change_nothing(writer: PointerWriter) -> None:
    for messages in (MESSAGES, MESSAGES[:1], [user_message("remember this as the blue thing please")]):
        assert writer.write(messages, tool_schemas()).call == slow_call(writer, messages)


def test_states_of_the_tools_are_computed_once(writer: PointerWriter) -> None:
    fresh = PointerWriter(writer.network, writer.tokenizer)
    first, second = fresh.write(MESSAGES, tool_schemas()), fresh.write(MESSAGES, tool_schemas())
    assert first.reused == 0
    assert second.reused > 50
    assert first.call == second.call


def test_a_reply_is_one_whole_call_with_a_probability_for_each_choice(tokenizer: Tokenizer) -> None:
    from tests.agent.model.pointer.conftest import tiny_network

    for seed in range(5):
        writer = PointerWriter(tiny_network(tokenizer, seed), tokenizer)
        written = writer.write(MESSAGES, tool_schemas())
        assert all(0 <= probability <= 1 for _, probability in written.choices)
        from agent.model.protocol import hermes

        assert parse_call(hermes(written.call)) == written.call
