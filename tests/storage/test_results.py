"""A result is kept under its name, in place of the one before, and read back as it was."""

from dataclasses import dataclass

import pytest

from counterpoint.errors import CounterpointError
from counterpoint.storage.results import all_kept, keep, kept, load_folder, save_new_folder
from counterpoint.storage.workspace import edit_workspace, key_of, open_workspace


@dataclass(frozen=True)
class Count:
    listeners: int


def test_the_last_result_of_a_name_is_the_one_that_is_kept(tmp_path):
    with edit_workspace(tmp_path / "w", create=True) as writer:
        for number in (1, 2):
            folder = keep(writer, "count:a", key_of("count", number), Count(number), metadata={"number": number})
            assert kept(folder, Count) == Count(number)
        keep(writer, "count:b", key_of("count", "b"), Count(7))
    with open_workspace(tmp_path / "w") as view:
        assert all_kept(view, "count:", Count) == (Count(2), Count(7))
        assert view.folder("count:a").metadata == {"number": 2}


def test_a_new_folder_is_written_whole_and_never_over_another(tmp_path):
    save_new_folder(Count(3), tmp_path / "deep" / "count")
    assert load_folder(Count, tmp_path / "deep" / "count") == Count(3)
    with pytest.raises(CounterpointError, match="is there already"):
        save_new_folder(Count(4), tmp_path / "deep" / "count")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["count"]
