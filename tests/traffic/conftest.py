"""A site whose time is pushed forward by hand."""

from __future__ import annotations

from tests.pipelines.conftest import Site, stepped_site

__all__ = ["Site", "stepped_site"]
