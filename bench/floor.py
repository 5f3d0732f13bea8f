"""The floor: an empty view for signed-in users, behind the middleware that every request passes."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledgerlink.urls import handler400, handler403, handler404, handler500
from ledgerlink.urls import urlpatterns as shipped

PATH = "api/v1/floor"


class FloorView(APIView):
    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})


urlpatterns = [path(PATH, FloorView.as_view()), *shipped]

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]
