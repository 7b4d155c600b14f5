from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr_engine.catalog import Catalog, shipped_root
from ktrdr_engine.errors import StrategyError


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path]:
    user, shipped = tmp_path / "user", tmp_path / "shipped"
    for root, names in ((user, ("mine.yaml", "both.yaml")), (shipped, ("theirs.yaml", "both.yaml", "README.md"))):
        (root / "strategies").mkdir(parents=True)
        for name in names:
            (root / "strategies" / name).write_text(root.name)
    return user, shipped


@pytest.fixture
def catalog(roots: tuple[Path, Path]) -> Catalog:
    return Catalog("strategies", (".yaml", ".yml"), roots, StrategyError)


def test_names_are_those_of_all_roots_without_other_files(catalog: Catalog) -> None:
    assert catalog.names() == ["both.yaml", "mine.yaml", "theirs.yaml"]


def test_the_users_file_wins_a_clash(catalog: Catalog) -> None:
    assert catalog.find("both.yaml").read_text() == "user"


@pytest.mark.parametrize("name", ["theirs", "theirs.yaml", "strategies/theirs", "strategies/theirs.yaml"])
def test_suffix_and_folder_may_be_left_out(catalog: Catalog, name: str) -> None:
    assert catalog.find(name).name == "theirs.yaml"


@pytest.mark.parametrize(
    "name",
    ["../mine.yaml", "strategies/../../x", "/etc/passwd", "a/b.yaml", "..", ".hidden.yaml", "", "strategies/",
     "C:\\x.yaml", "mine.yaml\0.png", "strategies//etc/passwd"],
)  # fmt: skip
def test_a_name_never_leaves_its_folder(catalog: Catalog, name: str) -> None:
    with pytest.raises(StrategyError, match="not a name inside strategies/"):
        catalog.find(name)


def test_a_link_out_of_the_folder_is_refused(catalog: Catalog, roots: tuple[Path, Path], tmp_path: Path) -> None:
    outside = tmp_path / "secret.yaml"
    outside.write_text("secret")
    (roots[0] / "strategies" / "link.yaml").symlink_to(outside)
    with pytest.raises(StrategyError, match="link that leaves"):
        catalog.find("link")


def test_a_link_inside_the_folder_is_followed(catalog: Catalog, roots: tuple[Path, Path]) -> None:
    (roots[0] / "strategies" / "alias.yaml").symlink_to(roots[0] / "strategies" / "mine.yaml")
    assert catalog.find("alias").name == "mine.yaml"


def test_an_unknown_name_is_answered_with_the_nearest(catalog: Catalog) -> None:
    with pytest.raises(StrategyError, match=r"Did you mean 'theirs'\?"):
        catalog.find("their.yaml")


def test_a_missing_user_folder_is_no_error(tmp_path: Path, roots: tuple[Path, Path]) -> None:
    catalog = Catalog("strategies", (".yaml",), (tmp_path / "absent", roots[1]), StrategyError)
    assert catalog.names() == ["both.yaml", "theirs.yaml"]


def test_the_shipped_folders_are_there() -> None:
    assert (shipped_root() / "data").is_dir()
