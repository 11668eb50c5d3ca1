"""What no peer sends: mutations of offers and of datagrams, from a seed."""

from __future__ import annotations

import random


def mutated_offer(rng: random.Random, text: str) -> str:
    lines = text.split("\r\n")
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(lines))
        match rng.randrange(6):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, rng.choice(lines))
            case 2:
                cut = rng.randint(0, len(lines[at]))
                lines[at] = lines[at][:cut] + chr(rng.randrange(1, 0x250)) + lines[at][cut + 1 :]
            case 3:
                lines[at] = lines[at][: rng.randint(0, len(lines[at]))]
            case 4:
                other = rng.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case 5:
                lines[at] = lines[at].partition(":")[0]
        lines = lines or [""]
    return "\r\n".join(lines)


def mutated_bytes(rng: random.Random, original: bytes) -> bytes:
    data = bytearray(original)
    for _ in range(rng.randint(1, 4)):
        match rng.randrange(4):
            case 0:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            case 1:
                del data[rng.randint(1, len(data)) :]
            case 2:
                data += rng.randbytes(rng.randint(1, 40))
            case 3:
                at = rng.randrange(len(data))
                data[at : at + 4] = rng.randbytes(4)
    return bytes(data)
