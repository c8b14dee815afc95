"""A minimal msg file written by hand: a compound file (MS-CFB) with the streams that a mail needs (MS-OXMSG)."""

import struct

SECTOR = 512
FREE, END, FAT_SECTOR = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
PAD = 4096  # streams below this length would belong into a second, small file inside


def outlook_file(
    subject: str, body: str, sender: tuple[str, str], to: tuple[str, str], message_id: str, sent_at: int
) -> bytes:
    """The bytes of a msg file; `sent_at` counts 100 ns since 1601. Texts are filled up with spaces to one length."""

    def text(value: str) -> bytes:
        return value.ljust(PAD // 2).encode("utf-16-le")

    properties = b"\0" * 32 + struct.pack("<HHIQ", 0x0040, 0x0039, 6, sent_at)
    root = {
        "__properties_version1.0": properties.ljust(PAD, b"\0"),
        "__substg1.0_0037001F": text(subject),
        "__substg1.0_1000001F": text(body),
        "__substg1.0_0C1A001F": text(sender[0]),
        "__substg1.0_5D01001F": text(sender[1]),
        "__substg1.0_1035001F": text(message_id),
    }
    recipient = {"__substg1.0_3001001F": text(to[0]), "__substg1.0_39FE001F": text(to[1])}
    return _compound(root, "__recip_version1.0_#00000000", recipient)


def _compound(root: dict[str, bytes], folder: str, inner: dict[str, bytes]) -> bytes:
    streams = [*root.items(), *inner.items()]
    sectors: list[bytes] = []
    fat: list[int] = []
    starts = []
    for _, content in streams:
        starts.append(len(sectors))
        parts = [content[at : at + SECTOR].ljust(SECTOR, b"\0") for at in range(0, len(content), SECTOR)]
        fat += [len(sectors) + number + 1 for number in range(len(parts) - 1)] + [END]
        sectors += parts
    # Entries: the root, its streams in a chain to the right, the folder with its own chain.
    entries = [("Root Entry", 5, FREE, 1, END, 0)]
    count = len(root)
    for number, (name, content) in enumerate(root.items()):
        right = number + 2 if number + 1 < count else count + 1
        entries.append((name, 2, right, FREE, starts[number], len(content)))
    entries.append((folder, 1, FREE, count + 2, 0, 0))
    for number, (name, content) in enumerate(inner.items()):
        right = count + 3 + number if number + 1 < len(inner) else FREE
        entries.append((name, 2, right, FREE, starts[count + number], len(content)))
    directory = b"".join(map(_entry, entries))
    directory = directory.ljust(-(-len(directory) // SECTOR) * SECTOR, b"\0")
    first_directory = len(sectors)
    parts = [directory[at : at + SECTOR] for at in range(0, len(directory), SECTOR)]
    fat += [first_directory + number + 1 for number in range(len(parts) - 1)] + [END]
    sectors += parts
    needed = -(-(len(fat) + 4) // (SECTOR // 4))
    first_fat = len(sectors)
    fat += [FAT_SECTOR] * needed
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(needed * SECTOR, b"\xff")
    sectors += [table[at : at + SECTOR] for at in range(0, len(table), SECTOR)]
    difat = [first_fat + number for number in range(needed)] + [FREE] * (109 - needed)
    header = struct.pack("<8s16sHHHHH6sIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6, b"",
                         0, needed, first_directory, 0, PAD, END, 0, END, 0)  # fmt: skip
    return header + struct.pack("<109I", *difat) + b"".join(sectors)


def _entry(entry: tuple[str, int, int, int, int, int]) -> bytes:
    name, kind, right, child, start, size = entry
    written = name.encode("utf-16-le") + b"\0\0"
    return struct.pack(
        "<64sHBBIII16sIQQIQ", written, len(written), kind, 1, FREE, right, child, b"", 0, 0, 0, start, size
    )
