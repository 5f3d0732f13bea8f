"""Refusals about users."""

from ledgerlink.errors import LedgerError


class UserHasMoney(LedgerError):
    code = "user_has_money"
    title = "The user still has money or pending transactions"
    status = 409


class RegistrationClosed(LedgerError):
    code = "registration_closed"
    title = "Registration is closed"
    status = 403


class InvalidCredentials(LedgerError):
    code = "invalid_credentials"
    title = "The name or the password is wrong"
    status = 401


class InvalidRefreshToken(LedgerError):
    code = "invalid_token"
    title = "The token is invalid, expired or already used"
    status = 401


class OwnRoleFixed(LedgerError):
    code = "own_role_fixed"
    title = "You can't change your own role, or activate or deactivate yourself"
    status = 409
