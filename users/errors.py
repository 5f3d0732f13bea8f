"""Refusals about users."""

from ledgerlink.errors import LedgerError, TryAgainLater


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


class LoginLocked(TryAgainLater):
    code = "login_locked"
    title = "Too many sign-ins under this name have failed"
    status = 429


class OtpRequired(LedgerError):
    code = "otp_required"
    title = "A code of the authenticator app is needed as well"
    status = 401


class OtpInvalid(LedgerError):
    code = "otp_invalid"
    title = "The code is wrong, too old, or was used before"
    status = 401


class OtpThrottled(TryAgainLater):
    code = "otp_throttled"
    title = "Too many wrong codes"
    status = 429


class OtpNotSetUp(LedgerError):
    code = "otp_not_set_up"
    title = "Staff must set up two-step sign-in first"
    status = 403


class OtpInUse(LedgerError):
    code = "otp_in_use"
    title = "This authenticator is set up already"
    status = 409


class RecoveryCodesRenewed(LedgerError):
    code = "recovery_codes_renewed"
    title = "New recovery codes were made meanwhile"
    status = 409


class OtpMandatory(LedgerError):
    code = "otp_mandatory"
    title = "Two-step sign-in can't be turned off here: it is required of staff"
    status = 409


class InvalidRefreshToken(LedgerError):
    code = "invalid_token"
    title = "The token is invalid, expired or already used"
    status = 401


class OwnRoleFixed(LedgerError):
    code = "own_role_fixed"
    title = "You can't change your own role, or activate or deactivate yourself"
    status = 409


class LastAdmin(LedgerError):
    code = "last_admin"
    title = "There would be no administrator left"
    status = 409


class UserChanged(LedgerError):
    code = "user_changed"
    title = "The account was changed since it was read"
    status = 409


class SuperuserFixed(LedgerError):
    code = "superuser_fixed"
    title = "Only a superuser changes a superuser"
    status = 403


class InvalidApiKey(LedgerError):
    code = "invalid_api_key"
    title = "The API key is not valid"
    status = 401


class ScopeMissing(LedgerError):
    code = "insufficient_scope"
    title = "The API key lacks a scope"
    status = 403


class ApiKeyNotAccepted(LedgerError):
    code = "api_key_not_accepted"
    title = "This is not for API keys"
    status = 403


class ApiKeyEnded(LedgerError):
    code = "api_key_ended"
    title = "The API key is revoked or expired"
    status = 409


class ApiKeyMade(LedgerError):
    code = "api_key_made"
    title = "The API key was made before"
    status = 409


class ApiKeyRotated(LedgerError):
    code = "api_key_rotated"
    title = "The API key was rotated before"
    status = 409
