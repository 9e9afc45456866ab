"""Texts: string, textwrap, html, csv, io, unicodedata."""

import csv
import html
import io
import string
import textwrap
import unicodedata

from blockyard_sandbox.guest.facades.part import Part, pick

# Left out: Formatter walks attributes (CVE-2023-41039, CVE-2024-47532, CVE-2026-76825).  Template stays: it only
# looks names up in the mapping that it is given.
STRING = """Template ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits
printable punctuation whitespace"""

# Left out: register_dialect and its kin change what all readers of the process do; Sniffer runs backtracking patterns.
CSV = """DictReader DictWriter Error QUOTE_ALL QUOTE_MINIMAL QUOTE_NONE QUOTE_NONNUMERIC QUOTE_NOTNULL
QUOTE_STRINGS reader writer"""

UNICODE = """bidirectional category combining decimal decomposition digit east_asian_width is_normalized
lookup mirrored name normalize numeric"""

STREAM = "close closed flush getvalue read readable readline readlines seek seekable tell truncate write writable writelines"


def part() -> Part:
    """Build the facades of texts."""
    return Part(
        {
            "string": pick(string, STRING),
            "textwrap": pick(textwrap, "dedent fill indent shorten wrap"),
            "html": pick(html, "escape unescape"),
            "csv": pick(csv, CSV),
            # Only the two that live in memory: open, FileIO and the wrappers reach files.
            "io": pick(io, "BytesIO StringIO"),
            "unicodedata": pick(unicodedata, UNICODE),
        },
        (
            (string.Template, "get_identifiers is_valid safe_substitute substitute template"),
            (csv.Error, "add_note args"),
            (csv.DictReader, "fieldnames line_num restkey restval"),
            (csv.DictWriter, "fieldnames writeheader writerow writerows"),
            (type(csv.reader([])), "line_num"),
            (type(csv.writer(io.StringIO())), "writerow writerows"),
            (io.StringIO, STREAM),
            (io.BytesIO, STREAM),
        ),
    )
