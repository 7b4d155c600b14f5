from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr_engine.errors import InvalidRequest, did_you_mean
from ktrdr_engine.settings import load_settings


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KTRDR_HOME", "OPERATIONS_CACHE_TTL", "KTRDR_MAX_QUEUED_OPERATIONS", "USE_REMOTE_BACKTEST_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_defaults_need_no_environment() -> None:
    settings = load_settings()
    assert settings.operations_cache_ttl == 1.0
    assert settings.ktrdr_max_queued_operations == 100
    assert settings.ktrdr_home.name == "ktrdr"
    assert not settings.use_remote_backtest_service


def test_the_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPERATIONS_CACHE_TTL=5\nKTRDR_MAX_QUEUED_OPERATIONS=7\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("OPERATIONS_CACHE_TTL", "2.5")
    settings = load_settings()
    assert settings.operations_cache_ttl == 2.5
    assert settings.ktrdr_max_queued_operations == 7


def test_an_empty_variable_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATIONS_CACHE_TTL", "")
    assert load_settings().operations_cache_ttl == 1.0


def test_wrong_values_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATIONS_CACHE_TTL", "soon")
    monkeypatch.setenv("KTRDR_MAX_QUEUED_OPERATIONS", "-1")
    with pytest.raises(InvalidRequest, match=r"OPERATIONS_CACHE_TTL='soon'.*KTRDR_MAX_QUEUED_OPERATIONS='-1'"):
        load_settings()


def test_suggestions_ignore_case_and_list_everything_when_nothing_is_near() -> None:
    assert did_you_mean("eurusd", ["EURUSD", "AAPL"]) == " Did you mean 'EURUSD'?"
    assert did_you_mean("zzz", ["b", "a"]) == " Known: a, b."
    assert did_you_mean("zzz", []) == ""


def test_a_repair_that_lists_what_is_known_stays_short_when_much_is() -> None:
    many = did_you_mean("nothing like it", [f"zone_{number:03}" for number in range(500)])
    assert many.startswith(" Known: zone_000, zone_001, ")
    assert many.endswith(", zone_039 and 460 more.")


def test_a_tilde_in_the_home_is_the_users_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KTRDR_HOME", "~/trading")
    assert load_settings().ktrdr_home == tmp_path / "trading"


def test_a_tilde_of_a_user_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_HOME", "~nobody-of-that-name/x")
    with pytest.raises(InvalidRequest, match="KTRDR_HOME"):
        load_settings()
