"""LZFSE: streams of the reference encoder decode to what went in; damage is refused and never runs away."""

from __future__ import annotations

import base64
import contextlib
import random

import pytest

from scenes.recordings.reading.lzfse import LzfseError, decompress

# Made with the reference implementation (lzfse 1.0 through pyliblzfse 0.4.1) from the data beside them.
PERIODIC = (
    "Vs>~kP!s?FJOBUz05JeyEWNcHT2uf~mjD0&Fu1@0pTOZ76%hac1TL;FF4jR+0DJNREDm3Q6AoD?oN#z@!XcjmumAu600000007_>"
    "000000000000000000000000000000_<SCnH|DPa00000000000000000000000000000000000000000000000000u<*pO6mM&!"
    "=P;LxgttTh00000000000DOS=e@-<2@4cU27iS$)XvUX0Tl35=CFla8poU8o)zdkh*!dNvrc)r`>@2f7!)|y+pzsKXYBU!mDVZ;k"
    "B{{XzG9%>xCbKePc6cN"
)
STEPS = (
    "Vs>~ka2Ego+yFod0LTDfBM3mk6u<xwvH$=8Im9pz`45%?00002qN=LnFOa9^1gro60000000R&J00000;1l=+Zf|dI&(3adZ*R}e"
    "E-uc_E-u!^*~Qt##o6uc?b+Gw?d|Q^+1c6c?b+Gc+1c6I+1dT=?d{pw?d|RD?JWQR00000000000000000000000000000000000"
    "0000000000000000000000000{|`b4BJk;cPJyi!%<84K4p9^Xu5wQE$C<&qpp=^vV53m~<fR|z@WW_!E`2F^6=u^d8%ac;R>2h5"
    "YQd~t1Zs#vQ4F}sIn5tu2JeDWZsw-++bG1RK<U2}>MJ)XJQ<NtS7A1NrjaA`X%)0ItrpDcD-lI8;40@df1DXu!MmW8n-d`YHVWmX"
    "An5Q1M`w}}<W~90O$tv&zS<R#O&<UN0000000000G-d@P#x#b(FcRA|hA~XjR00)_3u745n2cp4cO00;G)=?AmoP?S7>1D@OPC#^"
    "$;3b4k2H*7n1+dQ#Wam!7=~h-#x!QrFo$L~hG9%b88O`ZF{UvZ!-!5{%*HfKGauGNlUM=#kA^WC(=ai}nx-)f!&q$77{+88CecjB"
    "FpSA4BZBvsjA@L<Frr(ShA|D(1RFPoF`1^JMx&1j!<eRNnD}yx*%*dlFt%w-W0(z7ivnVHcq9"
)
WORDS = "Vs?0Ls{jB1Gynhq;0A1EW^^ELW*~HEWgu)}ZE!3ga%pF1I1}~db#7#3aySt22nIMg@K@n*1^@s600000Vs>~W"

GOLDEN = [
    (PERIODIC, bytes(b"aabacad"[(i * i // 50) % 7] for i in range(5200))),
    (STEPS, bytes((i // 31 + (1 if i % 257 == 0 else 0)) % 64 for i in range(6000))),
    (WORDS, b"left of the lamp, right of the lamp, under the lamp, lamp" * 3),
]


@pytest.mark.parametrize(("encoded", "raw"), GOLDEN, ids=["bvx2 periodic", "bvx2 steps", "lzvn"])
def test_streams_of_the_reference_encoder_decode(encoded: str, raw: bytes) -> None:
    assert decompress(base64.b85decode(encoded), len(raw)) == raw


def test_raw_blocks_follow_one_another() -> None:
    stream = b"bvx-\x02\0\0\0ab" + b"bvx-\x01\0\0\0c" + b"bvx$"
    assert decompress(stream, 3) == b"abc"


@pytest.mark.parametrize(("encoded", "raw"), GOLDEN)
def test_truncation_is_refused(encoded: str, raw: bytes) -> None:
    data = base64.b85decode(encoded)
    for size in range(0, len(data), 1 + len(data) // 60):
        with pytest.raises(LzfseError):
            decompress(data[:size], len(raw))


@pytest.mark.parametrize(("encoded", "raw"), GOLDEN)
def test_damage_is_refused_or_bounded(encoded: str, raw: bytes) -> None:
    data = base64.b85decode(encoded)
    generator = random.Random(5)
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(generator.randint(1, 4)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        with contextlib.suppress(LzfseError):
            assert len(decompress(bytes(damaged), len(raw))) <= len(raw)


def test_a_stream_that_promises_too_much_is_refused() -> None:
    with pytest.raises(LzfseError, match="at most 10"):
        decompress(base64.b85decode(WORDS), 10)
