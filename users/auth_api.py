"""`/auth`: signing in and out."""

from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from users import accounts, tokens
from users.actors import Actor
from users.api import location_of, naming_fields, register
from users.models import User
from users.permissions import caller
from users.representation import represent_tokens, represent_user
from users.serializers import LoginBody, PasswordBody, RefreshBody

NO_STORE = {"Cache-Control": "no-store"}  # RFC 6749, 5.1: answers that hold tokens


class RegisterView(APIView):
    """As `POST /users`, signed in at once."""

    permission_classes = [AllowAny]

    def post(self, request: Request) -> Response:
        user = register(request)
        return _signed_in(user, tokens.issue(user), status=201, headers=location_of(user))


class _OpenView(APIView):
    """Needs no access token, and does not mind one that has expired."""

    authentication_classes = []
    permission_classes = [AllowAny]


class LoginView(_OpenView):
    def post(self, request: Request) -> Response:
        user, pair = tokens.log_in(**LoginBody.read(request.data), by=Actor.anonymous())
        return _signed_in(user, pair)


class RefreshView(_OpenView):
    def post(self, request: Request) -> Response:
        pair = tokens.rotate(RefreshBody.read(request.data)["refresh"])
        return Response(represent_tokens(pair), headers=NO_STORE)


class LogoutView(_OpenView):
    """The refresh token is the proof: who holds it may end it, once or again."""

    def post(self, request: Request) -> Response:
        tokens.log_out(RefreshBody.read(request.data)["refresh"])
        return Response(status=204)


class PasswordView(APIView):
    """Ends every session of the caller, this one too."""

    def post(self, request: Request) -> Response:
        body = PasswordBody.read(request.data)
        user = caller(request)
        with naming_fields():
            accounts.change_password(user_id=user.pk, **body, by=Actor.of(user))
        return Response(status=204)


def _signed_in(
    user: User, pair: tokens.TokenPair, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    body = {**represent_tokens(pair), "user": represent_user(user)}
    return Response(body, status=status, headers={**NO_STORE, **(headers or {})})
