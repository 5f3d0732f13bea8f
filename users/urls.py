from django.urls import path

from users import schema  # noqa: F401 - describes the views for the OpenAPI document
from users.api import UserViewSet
from users.auth_api import LoginView, LogoutView, PasswordView, RefreshView, RegisterView
from users.key_api import ApiKeyViewSet

urlpatterns = [
    path("users", UserViewSet.as_view({"get": "list", "post": "create"}), name="user-list"),
    path("users/me", UserViewSet.as_view({"get": "me"}), name="user-me"),
    path(
        "users/<int:pk>",
        UserViewSet.as_view(
            {
                "get": "retrieve",
                "put": "update",
                "patch": "partial_update",
                "delete": "destroy",
            }
        ),
        name="user-detail",
    ),
    path("auth/register", RegisterView.as_view(), name="auth-register"),
    path("auth/login", LoginView.as_view(), name="auth-login"),
    path("auth/refresh", RefreshView.as_view(), name="auth-refresh"),
    path("auth/logout", LogoutView.as_view(), name="auth-logout"),
    path("auth/password", PasswordView.as_view(), name="auth-password"),
    path("api-keys", ApiKeyViewSet.as_view({"get": "list", "post": "create"}), name="api-key-list"),
    path(
        "api-keys/<int:pk>",
        ApiKeyViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="api-key-detail",
    ),
    path(
        "api-keys/<int:pk>/rotate",
        ApiKeyViewSet.as_view({"post": "rotate"}),
        name="api-key-rotate",
    ),
]
