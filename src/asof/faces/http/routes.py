"""Which path and method is which endpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, unquote

from asof.faces.http.calls import Route
from asof.faces.http.handlers import Handlers
from asof.faces.http.problems import Refusal
from asof.stores.tokens import Scope

EVENTS = "/v1/events/{source}"
MODEL = "/v2/models/{model}"
VERSION = "/v2/models/{model}/versions/{version}"
Found = tuple[Route, Mapping[str, str]]


def routes(handlers: Handlers) -> list[Route]:
    """Every endpoint."""
    h = handlers
    once = [
        Route("POST", "/v1/predict", h.predict, Scope.PREDICT, weighs=True),
        Route("POST", EVENTS, h.events, Scope.INGEST, weighs=True),
        Route("POST", "/v1/quarantine/release", h.release, Scope.ADMIN, weighs=True),
        Route("GET", "/v1/status", h.status),
        Route("GET", "/v1/decisions", h.decisions),
        Route("GET", "/v1/why", h.why, Scope.PREDICT, weighs=True),
        Route("POST", "/v1/train", h.train, Scope.ADMIN, weighs=True, missing=409),
        Route("POST", "/v1/promote", h.promote, Scope.ADMIN, weighs=True),
        Route("POST", "/v1/rollback", h.rollback, Scope.ADMIN, weighs=True, missing=409),
        Route("POST", "/v1/clock", h.clock, Scope.ADMIN, weighs=True, missing=409),
        Route("GET", "/metrics", h.metrics),
        Route("GET", "/openapi.json", h.openapi),
        Route("GET", "/v2", h.server, inference=True),
        Route("GET", "/v2/health/live", h.alive, secured=False, inference=True),
        Route("GET", "/v2/health/ready", h.ready, secured=False, inference=True),
    ]
    for path in (MODEL, VERSION):
        once += [
            Route("GET", path, h.model, inference=True),
            Route("GET", f"{path}/ready", h.model_ready, inference=True),
            Route("POST", f"{path}/infer", h.infer, Scope.PREDICT, weighs=True, inference=True),
        ]
    return once + [replace(route, method="HEAD") for route in once if route.method == "GET"]


class Routes:
    """Finds the endpoint of a request; those with a known path by one look into a dictionary."""

    def __init__(self, handlers: Handlers) -> None:
        self._patterns: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        self._known: dict[str, tuple[dict[str, Route], Mapping[str, str]]] = {}
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes(handlers):
            by_path.setdefault(route.endpoint, {})[route.method] = route
        for path, methods in by_path.items():
            if "{" not in path:
                self._known[path] = (methods, {})
                continue
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
            self._patterns.append((re.compile(pattern), methods))
        for source in handlers.sources:
            path = EVENTS.replace("{source}", quote(source, safe=""))
            self._known[path] = (by_path[EVENTS], {"source": source})
        for endpoint in (MODEL, f"{MODEL}/infer"):
            path = endpoint.replace("{model}", quote(handlers.name, safe=""))
            self._known[path] = (by_path[endpoint], {"model": handlers.name})

    def find(self, path: str, method: str) -> Found:
        """The endpoint, and the parts of the path that vary.

        Raises:
            Refusal: there is no such path, or it does not know the method.
        """
        methods, parameters = self._known.get(path) or self._matched(path)
        route = methods.get(method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            raise Refusal(
                405,
                f"{path} does not take {method}.",
                found=f"it takes {allowed}",
                mend="Ask it so.",
                headers=[("allow", allowed)],
            )
        return route, parameters

    def _matched(self, path: str) -> tuple[dict[str, Route], Mapping[str, str]]:
        for pattern, methods in self._patterns:
            match = pattern.fullmatch(path)
            if match is not None:
                return methods, {name: unquote(part) for name, part in match.groupdict().items()}
        raise Refusal(
            404,
            "There is nothing at this path.",
            found=path[:200],
            mend="/openapi.json lists what there is.",
        )
