from __future__ import annotations

import argparse

import pytest
from pydantic import SecretStr

from ktrdr_engine.cli.listening import add_listening_options, require_token_beyond_loopback
from ktrdr_engine.errors import InvalidRequest


def _parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_listening_options(parser, port=8000)
    return parser.parse_args(arguments)


def test_it_listens_on_this_machine_unless_told_otherwise() -> None:
    assert vars(_parsed()) == {"host": "127.0.0.1", "port": 8000}
    assert vars(_parsed("--host", "::1", "--port", "65535")) == {"host": "::1", "port": 65_535}


@pytest.mark.parametrize("port", ["65536", "-1", "http", "1.5", "", "²"])
def test_what_is_no_port_is_named(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        _parsed(f"--port={port}")
    assert ended.value.code == 2
    assert f"{port!r} is not a port" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_on_loopback_no_token_is_needed(host: str) -> None:
    require_token_beyond_loopback(host, None, variable="TOKEN", same="elsewhere")
    require_token_beyond_loopback(host, SecretStr("short"), variable="TOKEN", same="elsewhere")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "", "name.example"])
def test_beyond_it_one_is(host: str) -> None:
    require_token_beyond_loopback(host, SecretStr("5" * 16), variable="TOKEN", same="elsewhere")
    with pytest.raises(InvalidRequest, match="set TOKEN"):
        require_token_beyond_loopback(host, None, variable="TOKEN", same="elsewhere")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_beyond_it_a_token_that_can_be_guessed_is_refused(host: str) -> None:
    with pytest.raises(InvalidRequest, match="at least 16 characters") as refused:
        require_token_beyond_loopback(host, SecretStr("5" * 15), variable="TOKEN", same="elsewhere")
    assert "5" * 15 not in refused.value.message
