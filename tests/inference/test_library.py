from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ktrdr_engine.errors import ModelError, StorageError
from ktrdr_engine.inference.bundle import ModelBundle, load_bundle, save_bundle
from ktrdr_engine.inference.library import ModelLibrary
from tests.inference.models import bundle


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def put(folder: Path, name: str, strategy: str = "s", created: str = "2026-01-01T00:00:00Z", seed: int = 0) -> None:
    save_bundle(bundle(seed, strategy_name=strategy, created_at=created), folder / name)


def test_a_model_is_found_with_and_without_folder_and_suffix(models: Path) -> None:
    put(models, "m.pt")
    library = ModelLibrary((models.parent,))
    assert library.names() == ["m.pt"]
    assert library.load("m") is library.load("models/m.pt")


def test_a_file_that_changes_is_read_again(models: Path) -> None:
    put(models, "m.pt", seed=1)
    library = ModelLibrary((models.parent,))
    before = library.load("m")
    (models / "m.pt").unlink()
    put(models, "m.pt", seed=2)
    os.utime(models / "m.pt", ns=(1, 1))
    assert library.load("m").sha256 != before.sha256


def test_only_the_last_used_are_kept_open(models: Path) -> None:
    names = [f"m{number:02}.pt" for number in range(17)]
    for name in names:
        put(models, name)
    library = ModelLibrary((models.parent,))
    first, second = library.load(names[0]), library.load(names[1])
    for name in names[2:16]:
        library.load(name)
    assert library.load(names[0]) is first
    library.load(names[16])
    assert library.load(names[0]) is first
    assert library.load(names[1]) is not second


def test_the_newest_model_of_a_strategy_is_chosen(models: Path) -> None:
    put(models, "b.pt", created="2026-01-01T00:00:00Z")
    put(models, "a.pt", created="2026-03-01T00:00:00Z")
    put(models, "c.pt", created="2026-02-01T00:00:00Z")
    put(models, "d.pt", strategy="other", created="2026-09-01T00:00:00Z")
    (models / "broken.pt").write_bytes(b"not a model")
    library = ModelLibrary((models.parent,))
    assert library.newest_for("s") == library.newest_for("s") == "a.pt"


def test_of_models_of_one_moment_the_higher_version_is_chosen(models: Path) -> None:
    for name in ("m_v1.0.9.pt", "m_v1.0.10.pt", "z.pt"):
        put(models, name)
    assert ModelLibrary((models.parent,)).newest_for("s") == "m_v1.0.10.pt"


def test_a_moment_within_a_second_counts(models: Path) -> None:
    put(models, "a.pt", created="2026-01-01T00:00:00.25Z")
    put(models, "b.pt", created="2026-01-01T00:00:00Z")
    assert ModelLibrary((models.parent,)).newest_for("s") == "a.pt"


def test_a_model_whose_training_was_cancelled_is_used_only_by_its_name(models: Path) -> None:
    save_bundle(bundle(0, strategy_name="s", created_at="2026-09-01T00:00:00Z", partial=True), models / "half.pt")
    library = ModelLibrary((models.parent,))
    with pytest.raises(ModelError, match=r"half\.pt \(for s, cancelled\)"):
        library.newest_for("s")
    put(models, "whole.pt")
    assert library.newest_for("s") == "whole.pt"
    assert library.load("half").metadata.partial


def test_the_newest_is_chosen_among_the_users_and_the_shipped(models: Path, tmp_path: Path) -> None:
    shipped = tmp_path / "shipped" / "models"
    shipped.mkdir(parents=True)
    put(shipped, "shipped.pt", created="2026-02-01T00:00:00Z")
    put(models, "old.pt", created="2026-01-01T00:00:00Z")
    library = ModelLibrary((models.parent, shipped.parent))
    assert library.newest_for("s") == "shipped.pt"
    put(models, "new.pt", created="2026-03-01T00:00:00Z")
    assert library.newest_for("s") == "new.pt"


def test_a_model_is_saved_under_the_first_free_version(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped" / "models"
    shipped.mkdir(parents=True)
    put(shipped, "m_v1.0.0.pt")
    library = ModelLibrary((tmp_path / "home", shipped.parent))
    saved = [library.save(bundle(seed), "m", "1.0.0") for seed in range(3)]
    assert saved == ["m_v1.0.1.pt", "m_v1.0.2.pt", "m_v1.0.3.pt"]
    assert library.save(bundle(), "m", "2") == "m_v2.0.0.pt"
    assert library.save(bundle(), "m", "new!") == "m_v1.0.4.pt"
    assert library.load(saved[2]).sha256 == bundle(2).sha256


def test_models_saved_at_once_never_share_a_name(models: Path) -> None:
    libraries = [ModelLibrary((models.parent,)) for _ in range(8)]
    saved: list[str] = []
    start = threading.Barrier(8)

    def save(library: ModelLibrary, seed: int) -> None:
        start.wait()
        saved.append(library.save(bundle(seed), "m", "1.0.0"))

    threads = [threading.Thread(target=save, args=(one, seed)) for seed, one in enumerate(libraries)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(saved) == sorted(f"m_v1.0.{patch}.pt" for patch in range(8))
    assert len({ModelLibrary((models.parent,)).load(name).sha256 for name in saved}) == 8


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be made"):
        ModelLibrary((tmp_path / "file",)).writable_folder()


def test_a_folder_is_tried_with_a_file_before_a_training_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(ModelLibrary((tmp_path,)).writable_folder().iterdir()) == []

    def full(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="No space left"):
        ModelLibrary((tmp_path,)).writable_folder()


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EXDEV])
def test_a_model_is_saved_where_links_are_refused(models: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    library = ModelLibrary((models.parent,))
    names = [library.save(bundle(seed), "m", "1.0.0") for seed in (1, 2)]
    assert names == ["m_v1.0.0.pt", "m_v1.0.1.pt"]
    assert {library.load(name).sha256 for name in names} == {bundle(seed).sha256 for seed in (1, 2)}
    assert sorted(path.name for path in models.iterdir()) == names


def test_without_a_model_the_error_lists_what_there_is(models: Path) -> None:
    put(models, "a.pt", strategy="rsi_mean_reversion")
    library = ModelLibrary((models.parent,))
    with pytest.raises(ModelError) as caught:
        library.newest_for("rsi_mean_revresion")
    assert "Did you mean 'rsi_mean_reversion'?" in caught.value.message
    assert "a.pt (for rsi_mean_reversion)" in caught.value.message


def test_without_any_model_the_error_says_none(models: Path) -> None:
    with pytest.raises(ModelError, match=r"No model was trained for strategy 's'\. Models: none\."):
        ModelLibrary((models.parent,)).newest_for("s")


def test_an_unknown_model_and_a_path_outside_are_refused(models: Path) -> None:
    put(models, "rsi_mlp.pt")
    library = ModelLibrary((models.parent,))
    with pytest.raises(ModelError, match="Did you mean 'rsi_mlp"):
        library.load("rsi_mpl")
    with pytest.raises(ModelError, match="bare file name"):
        library.load("../secret.pt")


def test_a_file_that_vanishes_is_a_model_error(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(models, "m.pt")
    library = ModelLibrary((models.parent,))
    path = library._catalog.find("m")
    monkeypatch.setattr(type(library._catalog), "find", lambda self, name: path)
    path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        library.load("m")


def test_threads_may_load_at_once(models: Path) -> None:
    put(models, "m.pt")
    library = ModelLibrary((models.parent,))
    barrier = threading.Barrier(4)
    found: list[str] = []

    def load() -> None:
        barrier.wait()
        found.append(library.load("m").sha256)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [bundle().sha256] * 4


def test_listing_models_needs_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from ktrdr_engine.inference.library import ModelLibrary\n"
        "ModelLibrary((Path('.'),)).names()\n"
        "assert not {'numpy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_file_that_was_refused_is_examined_again_only_when_it_has_changed(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examined: list[str] = []

    def examine(path: Path) -> ModelBundle:
        examined.append(path.name)
        return load_bundle(path)

    monkeypatch.setattr("ktrdr_engine.inference.bundle.load_bundle", examine)
    (models / "m.pt").write_bytes(b"PK nonsense")
    library = ModelLibrary((models.parent,))
    for ask in (library.load, library.metadata, library.load):
        with pytest.raises(ModelError, match="damaged") as caught:
            ask("m.pt")
        assert caught.value.details["model"] == "m.pt"
    assert examined == ["m.pt"]
    (models / "m.pt").unlink()
    put(models, "m.pt")
    assert library.metadata("m.pt").strategy_name == "s"
    assert examined == ["m.pt"] * 2
