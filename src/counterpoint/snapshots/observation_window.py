"""What is known at a snapshot's day is cut from the roll-up here: features from known days, labels from outcome days.

They are computed in queries apart, so that no feature sees a day of the outcome.
"""

from collections.abc import Sequence

from counterpoint.snapshots.listener_features import Feature, Label
from counterpoint.snapshots.snapshot import Snapshot


def listeners_sql(features: Sequence[Feature], snapshot: Snapshot, label: Label, *, outcome: bool) -> str:
    """Return portable SQL from `rollup` to one row a listener seen in the known window.

    Columns: uid, bucket, the label (null without `outcome`), days_since_seen and events (both before cleaning: the two
    plainest predictors there are), then the features.
    """
    after, day, end = snapshot.days
    terms = list(dict.fromkeys(term for feature in features for term in feature.terms))
    column = {term: f"x{i}" for i, term in enumerate(terms)}
    sums = "".join(f", {term.aggregate(day)} AS {column[term]}" for term in terms)
    selected = "".join(
        f", {feature.sql.format(*(f'k.{column[term]}' for term in feature.terms), at=day)} AS {feature.name}"
        for feature in features
    )
    known = (
        f"SELECT uid, bucket, max(day) AS last_seen, CAST(sum(seen) AS BIGINT) AS events{sums}"
        f" FROM rollup WHERE day > {after} AND day <= {day} GROUP BY uid, bucket"
    )
    seen_later = f"SELECT DISTINCT uid FROM rollup WHERE day > {day} AND day <= {end}"
    label_sql = label.sql if outcome else "CAST(NULL AS INT)"
    join = f" LEFT JOIN ({seen_later}) o ON k.uid = o.uid" if outcome else ""
    return (
        f"SELECT k.uid AS uid, k.bucket AS bucket, {label_sql} AS {label.name}, {day} - k.last_seen AS days_since_seen,"
        f" k.events AS events{selected} FROM ({known}) k{join}"
    )
