from django.urls import path

from balances import schema  # noqa: F401 - describes the views for the OpenAPI document
from balances.api import BalanceViewSet
from balances.statement_api import StatementView

urlpatterns = [
    path("balances/current", BalanceViewSet.as_view({"get": "current"}), name="balance-current"),
    path("balances/history", BalanceViewSet.as_view({"get": "history"}), name="balance-history"),
    path("balances/statement", StatementView.as_view(), name="balance-statement"),
]
