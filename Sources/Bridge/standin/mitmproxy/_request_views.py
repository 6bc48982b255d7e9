"""What a request says in its URL, its cookies and its body, as multidicts."""

import re
import secrets
import urllib.parse
from collections.abc import Iterable, Sequence

from mitmproxy._http_message import Message
from mitmproxy.coretypes import multidict
from mitmproxy.net.http import cookies, multipart, url


class RequestViews(Message):
    """Changes of a view are written to the request at once."""

    url: str
    path: str

    def _get_query(self):
        return tuple(url.decode(urllib.parse.urlparse(self.url).query))

    def _set_query(self, value) -> None:
        _, _, path, parameters, _, fragment = urllib.parse.urlparse(self.url)
        self.path = urllib.parse.urlunparse(["", "", path, parameters, url.encode(value), fragment])

    @property
    def query(self) -> multidict.MultiDictView:
        """The URL's query; changes are written there."""
        return multidict.MultiDictView(self._get_query, self._set_query)

    @query.setter
    def query(self, value) -> None:
        self._set_query(value)

    def _get_cookies(self):
        return tuple(cookies.parse_cookie_headers(self.headers.get_all("Cookie")))

    def _set_cookies(self, value) -> None:
        self.headers["cookie"] = cookies.format_cookie_header(value)

    @property
    def cookies(self) -> multidict.MultiDictView:
        """The cookies; changes are written to the header."""
        return multidict.MultiDictView(self._get_cookies, self._set_cookies)

    @cookies.setter
    def cookies(self, value) -> None:
        self._set_cookies(value)

    @property
    def path_components(self) -> tuple[str, ...]:
        """The path's parts, unquoted."""
        path = urllib.parse.urlparse(self.url).path
        return tuple(url.unquote(part) for part in path.split("/") if part)

    @path_components.setter
    def path_components(self, components: Iterable[str]) -> None:
        joined = "/" + "/".join(url.quote(part, safe="") for part in components)
        _, _, _, parameters, query, fragment = urllib.parse.urlparse(self.url)
        self.path = urllib.parse.urlunparse(["", "", joined, parameters, query, fragment])

    def _has_type(self, kind: str) -> bool:
        return kind in self.headers.get("content-type", "").lower()

    def _get_urlencoded_form(self):
        if not self._has_type("application/x-www-form-urlencoded"):
            return ()
        return tuple(url.decode(self.get_text(strict=False)))

    def _set_urlencoded_form(self, form: Sequence[tuple[str, str]]) -> None:
        self.headers["content-type"] = "application/x-www-form-urlencoded"
        self.content = url.encode(form, self.get_text(strict=False)).encode()

    @property
    def urlencoded_form(self) -> multidict.MultiDictView:
        """The body's pairs; changes are written there. Empty if its type is another."""
        return multidict.MultiDictView(self._get_urlencoded_form, self._set_urlencoded_form)

    @urlencoded_form.setter
    def urlencoded_form(self, value) -> None:
        self._set_urlencoded_form(value)

    def _get_multipart_form(self):
        if not self._has_type("multipart/form-data"):
            return ()
        try:
            return tuple(multipart.decode_multipart(self.headers.get("content-type"), self.content))
        except ValueError:
            return ()

    def _set_multipart_form(self, value: Sequence[tuple[bytes, bytes]]) -> None:
        if not re.match(r"multipart/form-data\b", self.headers.get("content-type", ""), re.IGNORECASE):
            self.headers["content-type"] = f"multipart/form-data; boundary={'-' * 20}{secrets.token_hex(8)}"
        self.content = multipart.encode_multipart(self.headers["content-type"], value)  # type: ignore[arg-type]

    @property
    def multipart_form(self) -> multidict.MultiDictView:
        """Names and values (bytes) of the parts; changes are written to the body. Empty if its type is another."""
        return multidict.MultiDictView(self._get_multipart_form, self._set_multipart_form)

    @multipart_form.setter
    def multipart_form(self, value) -> None:
        self._set_multipart_form(value)
