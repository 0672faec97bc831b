"""Tiny random models of the real transformers classes, with their real processors."""

from __future__ import annotations

from typing import Any

import torch
import transformers as tf
from tokenizers import Tokenizer, models, pre_tokenizers, processors

NAMES = ("mug", "book", "cabinet")


def _words(special: tuple[str, ...], template: tuple[str, str]) -> tf.PreTrainedTokenizerFast:
    vocabulary = {w: k for k, w in enumerate((*special, "[UNK]", *NAMES, ".", "a", "photo", "of"))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()  # type: ignore[assignment]
    start, end = template
    tokenizer.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]
        single=f"{start} $A {end}", special_tokens=[(start, vocabulary[start]), (end, vocabulary[end])]
    )
    return tf.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token=special[0],
        cls_token=start,
        sep_token=end,
        model_max_length=16,
    )


def grounding_dino() -> tuple[Any, Any]:
    """Grounding DINO with a tiny Swin and a tiny BERT."""
    tokenizer = _words(("[PAD]", "[CLS]", "[SEP]"), ("[CLS]", "[SEP]"))
    config = tf.GroundingDinoConfig(
        backbone_config=tf.SwinConfig(
            embed_dim=16,
            depths=[1, 1, 1],
            num_heads=[1, 2, 4],
            window_size=4,
            out_features=["stage1", "stage2", "stage3"],  # pyright: ignore[reportCallIssue]  # stubs lack it
        ),
        text_config=tf.BertConfig(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
        ),
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=6,
        num_feature_levels=3,
        max_text_len=16,
    )
    torch.manual_seed(0)
    images = tf.GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96})
    return tf.GroundingDinoForObjectDetection(config), tf.GroundingDinoProcessor(images, tokenizer)


def owlv2() -> tuple[Any, Any]:
    """OWLv2 with one layer on each side."""
    tokenizer = _words(("[PAD]", "[CLS]", "[SEP]"), ("[CLS]", "[SEP]"))
    config = tf.Owlv2Config(
        text_config={
            "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 16, "eos_token_id": 2, "bos_token_id": 1,
            "pad_token_id": 0,
        },
        vision_config={
            "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
            "image_size": 64, "patch_size": 16,
        },
        projection_dim=32,
    )  # fmt: skip
    torch.manual_seed(0)
    images = tf.Owlv2ImageProcessorPil(size={"height": 64, "width": 64})
    return tf.Owlv2ForObjectDetection(config), tf.Owlv2Processor(images, tokenizer)


def sam() -> tuple[Any, Any]:
    """SAM with a one-layer encoder."""
    config = tf.SamConfig(
        vision_config={
            "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 64, "patch_size": 16,
            "output_channels": 32, "mlp_dim": 32, "window_size": 2, "global_attn_indexes": [0], "num_pos_feats": 16,
        },
        prompt_encoder_config={"hidden_size": 32, "image_size": 64, "patch_size": 16, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 32, "mlp_dim": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
            "iou_head_hidden_dim": 32,
        },
    )  # fmt: skip
    torch.manual_seed(0)
    images = tf.SamImageProcessorPil(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64}, mask_size={"longest_edge": 16},
        mask_pad_size={"height": 16, "width": 16},
    )  # fmt: skip
    return tf.SamModel(config), tf.SamProcessor(images)


def mask2former() -> tuple[Any, Any]:
    """Mask2Former with a tiny Swin."""
    config = tf.Mask2FormerConfig(
        backbone_config=tf.SwinConfig(
            embed_dim=16, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4,
            out_features=["stage1", "stage2", "stage3", "stage4"],  # pyright: ignore[reportCallIssue]  # stubs lack it
        ),
        feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=32, dim_feedforward=32,
        encoder_layers=1, decoder_layers=2, num_attention_heads=2, num_queries=6,
        id2label=dict(enumerate(NAMES)),
    )  # fmt: skip
    torch.manual_seed(0)
    images = tf.Mask2FormerImageProcessorPil(size={"height": 64, "width": 96})
    return tf.Mask2FormerForUniversalSegmentation(config), images


def segformer() -> tuple[Any, Any]:
    """SegFormer with one block a stage."""
    config = tf.SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[16, 16, 32, 32], num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=32,
        id2label=dict(enumerate(NAMES)),
    )  # fmt: skip
    torch.manual_seed(0)
    return tf.SegformerForSemanticSegmentation(config), tf.SegformerImageProcessorPil(size={"height": 64, "width": 96})
