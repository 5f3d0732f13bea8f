from django.urls import path

from transactions import schema  # noqa: F401 - describes the views for the OpenAPI document
from transactions.api import TransactionViewSet

urlpatterns = [
    path("transactions", TransactionViewSet.as_view({"get": "list"}), name="transaction-list"),
    path(
        "transactions/transfer",
        TransactionViewSet.as_view({"post": "transfer"}),
        name="transaction-transfer",
    ),
    path(
        "transactions/deposit",
        TransactionViewSet.as_view({"post": "deposit"}),
        name="transaction-deposit",
    ),
    path(
        "transactions/withdraw",
        TransactionViewSet.as_view({"post": "withdraw"}),
        name="transaction-withdraw",
    ),
    path(
        "transactions/batch",
        TransactionViewSet.as_view({"post": "batch"}),
        name="transaction-batch",
    ),
    path(
        "transactions/<uuid:pk>/capture",
        TransactionViewSet.as_view({"post": "capture"}),
        name="transaction-capture",
    ),
    path(
        "transactions/<uuid:pk>/cancel",
        TransactionViewSet.as_view({"post": "cancel"}),
        name="transaction-cancel",
    ),
    path(
        "transactions/<uuid:pk>/reverse",
        TransactionViewSet.as_view({"post": "reverse"}),
        name="transaction-reverse",
    ),
    path(
        "transactions/<uuid:pk>",
        TransactionViewSet.as_view({"get": "retrieve"}),
        name="transaction-detail",
    ),
]
