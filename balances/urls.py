from django.urls import path

from balances.api import BalanceViewSet

urlpatterns = [
    path("balances/current", BalanceViewSet.as_view({"get": "current"}), name="balance-current"),
    path("balances/history", BalanceViewSet.as_view({"get": "history"}), name="balance-history"),
]
