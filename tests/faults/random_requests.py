"""Random requests, drawn from an OpenAPI description: fitting ones, bent ones, and ones from nowhere."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

Json = dict[str, Any]
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_TRICKS = (
    "..", "%2e%2e", "../../etc/passwd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5c..%5cwindows", "%00", "a%00.json",
    "//evil.example/", "operations;jsessionid=1", "'; DROP TABLE operations; --", "${jndi:ldap://x}", "%ff%fe",
    "op_backtest_20250103_k3v9x2m7qa/../../health", "." * 300, "op_" + "x" * 5_000,
)  # fmt: skip
_ODD_VALUES = (
    "", " ", "-1", "0", "1e999", "nan", "inf", "9223372036854775808", "1e400", "true", "null", "\u0000", "\ud7ff",
    "%", "&", "=", "../..", "1" * 400, "０", "1_000", "0x10", "[]", "{}", "\u202e",
)  # fmt: skip
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)


class Drawn(NamedTuple):
    """A request: its address ready for the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Requests:
    """Draws requests.

    Args:
        description: An OpenAPI document.
        known: Values for path parameters that exist.
        good: A body that is accepted.
    """

    def __init__(self, description: Json, known: tuple[str, ...], good: Json) -> None:
        self._schemas: Json = description["components"]["schemas"]
        self._known = known
        self._good = good
        self._calls = [
            (method, path, call, (*item.get("parameters", ()), *call.get("parameters", ())))
            for path, item in description["paths"].items()
            for method, call in item.items()
            if method != "parameters"
        ]

    def drawn(self) -> st.SearchStrategy[Drawn]:
        """Return a strategy for requests."""
        return st.one_of(st.sampled_from(self._calls).flatmap(self._request), self._from_nowhere())

    def _request(self, call: tuple[str, str, Json, tuple[Json, ...]]) -> st.SearchStrategy[Drawn]:
        method, path, described, parameters = call
        names = [one["name"] for one in parameters if one["in"] == "path"]
        queries = [one["name"] for one in parameters if one["in"] == "query"]
        return st.builds(
            self._made,
            st.sampled_from([method.upper()] * 8 + list(_METHODS)),
            st.just(path),
            st.fixed_dictionaries({name: self._path_value() for name in names}),
            st.lists(st.tuples(st.sampled_from([*queries, "wait", "evil"]), self._query_value()), max_size=3),
            st.fixed_dictionaries({}, optional={"Idempotency-Key": st.text("ab-7 ~", max_size=220)}),
            self._body(described.get("requestBody")),
        )

    def _made(
        self,
        method: str,
        path: str,
        names: dict[str, str],
        query: list[tuple[str, str]],
        headers: dict[str, str],
        body: bytes,
    ) -> Drawn:
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", value)
        return Drawn(method, path + ("?" + urlencode(query) if query else ""), headers, body)

    def _path_value(self) -> st.SearchStrategy[str]:
        anything = st.sampled_from(_TRICKS).map(_printable) | _texts.map(lambda text: quote(text, safe=""))
        return st.sampled_from(self._known) | anything

    def _query_value(self) -> st.SearchStrategy[str]:
        return st.sampled_from(_ODD_VALUES) | st.integers(-5, 600).map(str) | _texts

    def _body(self, described: Json | None) -> st.SearchStrategy[bytes]:
        junk = st.binary(max_size=60) | _json_values.map(_encoded)
        if described is None:
            return st.just(b"") | junk
        schema = described["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        fields = self._schemas[schema]["properties"]
        plain = {name: _fitting(field) for name, field in fields.items()}
        bent = st.dictionaries(st.sampled_from([*fields, "symbo", "idempotency_key"]), _json_values, max_size=3)
        fitting = st.fixed_dictionaries(plain) | st.just(self._good)
        return fitting.map(_encoded) | st.builds(lambda one, two: _encoded({**one, **two}), fitting, bent) | junk

    def _from_nowhere(self) -> st.SearchStrategy[Drawn]:
        target = st.lists(st.sampled_from(_TRICKS).map(_printable) | _texts.map(quote), max_size=4)
        return st.builds(
            Drawn,
            st.sampled_from(_METHODS),
            target.map(lambda parts: "/" + "/".join(parts)),
            st.sampled_from([*[{"Content-Type": "application/json"}] * 4, {"Content-Type": "text/xml"}, {}]),
            st.binary(max_size=40),
        )


def _fitting(field: Json) -> st.SearchStrategy[Any]:
    """Return values of a field's type, its examples among them."""
    if "enum" in field:
        return st.sampled_from(field["enum"])
    examples = st.sampled_from(field["examples"]) if field.get("examples") else st.nothing()
    kinds = {
        "string": st.sampled_from(["EURUSD", "AAPL", "2017-01-02", "2017-06-30", "strategies/rsi_mean_reversion.yaml"]),
        "number": st.floats(0, 0.3) | st.floats(1, 1e6),
        "integer": st.integers(-1, 1_000),
    }
    return examples | kinds.get(field.get("type", ""), _json_values)


def _printable(text: str) -> str:
    return quote(text, safe="/%:;?&=.-_~!$'()*+,@")


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()
