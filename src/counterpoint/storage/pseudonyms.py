"""Names for people on pages that travel: one person, one name in a workspace, and no way back without its key."""

import hmac
import secrets
from typing import Final

import polars as pl

from counterpoint.storage.workspace import Staged, WorkspaceWriter, key_of

KEY: Final = "key:pseudonyms"


def pseudonymize(writer: WorkspaceWriter, uid: pl.Series) -> pl.Series:
    """Return a pseudonym for each uid: "L-" and 12 hexadecimal digits of a keyed hash (HMAC-SHA-256).

    The key is drawn once a workspace and never leaves it.
    """
    if writer.view.get(KEY) is None:
        folder = writer.stage()
        (folder / "key").write_bytes(secrets.token_bytes(32))
        writer.commit(Staged(KEY, key_of(secrets.token_hex()), folder, {}))
    key = writer.view.folder(KEY).file("key").read_bytes()
    names = [f"L-{hmac.digest(key, str(value).encode(), 'sha256').hex()[:12]}" for value in uid]
    return pl.Series("pseudonym", names, dtype=pl.String)
