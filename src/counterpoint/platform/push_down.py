"""What churn found, as the recommender takes it: songs heard before leaving are songs to push down."""

import polars as pl

from counterpoint.churn.leaving_songs import songs_before_leaving_in
from counterpoint.errors import CounterpointError
from counterpoint.storage.workspace import WorkspaceView


def songs_to_push_down(view: WorkspaceView) -> pl.DataFrame:
    """Return the songs that a workspace found over-represented before leaving.

    Columns: song_id, and known_from, the last day (since 1970-01-01) of the outcome that they were found by.

    Raises
    ------
    CounterpointError
        If it has not looked for any.
    """
    if (songs := push_down_if_known(view)) is None:
        raise CounterpointError(
            f"workspace {view.root} has no songs heard before leaving; `counterpoint churn songs {view.root}` first"
        )
    return songs


def push_down_if_known(view: WorkspaceView) -> pl.DataFrame | None:
    """Return the songs as `songs_to_push_down` does, or None if the workspace has not looked for any."""
    for songs in songs_before_leaving_in(view):
        if songs.item_kind == "song":
            return songs.over_represented.select(song_id="item", known_from=pl.lit(songs.snapshot.days[2]))
    return None
