"""Bounds on everything that comes from outside. Data, in one place, each with its unit."""

from __future__ import annotations

MIB = 1024 * 1024

FEED_FILE_BYTES = 2048 * MIB
"""Compressed size of one feed file as it arrives."""
FEED_UNPACKED_BYTES = 16 * 1024 * MIB
"""Bytes one feed file may unpack to."""
UNPACK_RATIO = 200
"""Unpacked bytes per packed byte beyond which an archive is refused as a bomb (checked after 64 MiB)."""
ZIP_MEMBERS = 64
"""Files in one zip archive."""
FEED_COLUMNS = 1000
"""Columns in a feed file's header."""
LINE_BYTES = 1 * MIB
"""One line (one record) of a feed file; a longer one is rejected as a row."""
DOCUMENT_BYTES = 64 * MIB
"""A document that is read as a whole: a MISP event, a STIX bundle."""
CELL_CHARS = 65_536
"""One cell of a feed file."""
BATCH_BYTES = 12 * MIB
"""How much of a file is read and mapped at once."""
DOCUMENT_BYTES = 64 * MIB
"""A JSON document that is one value, or a mail with its attachments: they are held whole."""
MARKUP_DEPTH = 64
"""Elements within elements of an XML document."""
REJECTS_KEPT = 10_000
"""Rejected rows kept one by one for each file; the rest are counted by field and reason."""
REJECT_RAW_CHARS = 2_000
"""How much of a rejected row's text is kept."""
UPLOAD_BYTES = 512 * MIB
"""One upload through the web page or API."""
REQUEST_BYTES = 2 * MIB
"""Any other web request body."""
CERTIFICATE_CHARS = 1024 * 1024
"""One armored OpenPGP certificate, or one text with several."""
REGISTRY_FILE_BYTES = 16 * MIB
"""One file of organisations, contacts and networks, or one address list, as it is imported into the registry."""
REGISTRY_ROWS = 50_000
"""Rows in such a file."""
PARQUET_EVENTS = 5_000_000
"""Events in one Parquet file that somebody downloads: it is written to the disk before it is sent."""
STIX_EVENTS = 10_000
"""Events in one STIX bundle: it has several objects for each, and its readers hold it in memory."""
REFERENCE_FILE_BYTES = 1024 * MIB
"""One reference file (GeoIP database) that an operator loads."""
REFERENCE_TEXT_BYTES = 256 * MIB
"""One reference file that is text: delegated statistics, reverse names."""
REFERENCE_ROWS = 2_000_000
"""Rows of a reference file that is text."""
REFERENCE_PIECES = 16_000_000
"""Networks of one family in a GeoIP database: the largest in use have five million."""
REFERENCE_RECORDS = 4_000_000
"""Different records in a GeoIP database."""
