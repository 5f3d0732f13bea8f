"""`/api/schema`, `/api/docs` and `/api/redoc`: served from here, without any other host."""

from functools import lru_cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import (
    SpectacularAPIView,
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)


@lru_cache(maxsize=1)
def document() -> Any:
    """Made once: it takes half a second, and does not change while the process runs."""
    return SchemaGenerator().get_schema(request=None, public=True)


class _Made(SchemaGenerator):
    def get_schema(self, request: Any = None, public: bool = False) -> Any:  # noqa: FBT001, FBT002
        return document()


class SchemaView(SpectacularAPIView):
    """JSON, or YAML for those who accept only that."""

    generator_class = _Made
    renderer_classes = [
        OpenApiJsonRenderer2,
        OpenApiYamlRenderer2,
        OpenApiJsonRenderer,
        OpenApiYamlRenderer,
    ]


class YamlView(SchemaView):
    renderer_classes = [OpenApiYamlRenderer2, OpenApiYamlRenderer]


class DocsView(SpectacularSwaggerSplitView):
    """Its script is served apart: none that stands in a page is run."""

    url_name = "schema"


class RedocView(SpectacularRedocView):
    url_name = "schema"
    template_name = "api/redoc.html"
