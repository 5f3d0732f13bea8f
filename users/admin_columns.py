"""What exports of users and API keys hold."""

from ledgerlink.admin_export import Column

USER_COLUMNS = (
    Column("User id", lambda user: user.pk),
    Column("Username", lambda user: user.username),
    Column("E-mail", lambda user: user.email),
    Column("Role", lambda user: user.get_role_display()),
    Column("Active", lambda user: "yes" if user.is_active else "no"),
    Column("Created (UTC)", lambda user: user.created_at),
    Column("Changed (UTC)", lambda user: user.updated_at),
    Column("Last sign-in here (UTC)", lambda user: user.last_login),
    Column("Deleted (UTC)", lambda user: user.deleted_at),
)
API_KEY_COLUMNS = (
    Column("Prefix", lambda key: key.prefix),
    Column("Name", lambda key: key.name),
    Column("Acts as", lambda key: key.user.username),
    Column("Scopes", lambda key: ", ".join(key.scopes)),
    Column("Created (UTC)", lambda key: key.created_at),
    Column("Created by", lambda key: "" if key.created_by is None else key.created_by.username),
    Column("Last used (UTC)", lambda key: key.last_used_at),
    Column("Expires (UTC)", lambda key: key.expires_at),
    Column("Revoked (UTC)", lambda key: key.revoked_at),
)
