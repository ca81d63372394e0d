"""C identifiers of emitted code: prefixed with the network's name, and never the same twice.

Layer names are any identifiers, in either case, C keywords among them. Behind the prefix none is a keyword; what then
still collides (`a_b` + `_kernel` and a layer `a_b_kernel`, or `Conv` and `conv` as macros) gets a number.
"""

from __future__ import annotations

from collections.abc import Sequence


class Names:
    """Hands out identifiers. The order of the requests decides who keeps the plain name, so it must be the model's."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._taken: set[str] = set()

    @property
    def taken(self) -> frozenset[str]:
        """Return all that was handed out, with every suffix."""
        return frozenset(self._taken)

    def symbol(self, stem: str, suffixes: Sequence[str] = ("",)) -> str:
        """Return a variable or function, `kws_<stem>`, such that it is free with each of `suffixes`."""
        return self._free(f"{self._name}_{stem}", suffixes)

    def parameter(self, stem: str, suffixes: Sequence[str] = ("",)) -> str:
        """Return `<stem>`, a parameter or a program's variable, such that no symbol is named so with any of `suffixes`.

        Without the prefix it is in the way of symbols of networks that are named `input`, `output` or `arena`.
        """
        return self._free(stem, suffixes)

    def macro(self, stem: str) -> str:
        """Return a macro or enumerator, `KWS_<STEM>`."""
        return self.macros(stem, ("",))

    def macros(self, stem: str, suffixes: Sequence[str]) -> str:
        """Return `KWS_<STEM>` such that it is free with each of `suffixes`, and take all of these."""
        return self._free(f"{self._name}_{stem}".upper(), suffixes)

    def _free(self, stem: str, suffixes: Sequence[str]) -> str:
        candidate, count = stem, 1
        while any(candidate + suffix in self._taken for suffix in suffixes):
            count += 1
            candidate = f"{stem}_{count}"
        self._taken.update(candidate + suffix for suffix in suffixes)
        return candidate
