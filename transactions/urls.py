from django.urls import path

from transactions import approval_schema, schema  # noqa: F401 - describe the views for OpenAPI
from transactions.api import TransactionViewSet
from transactions.approval_api import ApprovalViewSet

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
    path(
        "approvals",
        ApprovalViewSet.as_view({"get": "list", "post": "create"}),
        name="approval-list",
    ),
    path(
        "approvals/<uuid:pk>",
        ApprovalViewSet.as_view({"get": "retrieve"}),
        name="approval-detail",
    ),
    path(
        "approvals/<uuid:pk>/approve",
        ApprovalViewSet.as_view({"post": "approve"}),
        name="approval-approve",
    ),
    path(
        "approvals/<uuid:pk>/reject",
        ApprovalViewSet.as_view({"post": "reject"}),
        name="approval-reject",
    ),
    path(
        "approvals/<uuid:pk>/withdraw",
        ApprovalViewSet.as_view({"post": "withdraw"}),
        name="approval-withdraw",
    ),
]
