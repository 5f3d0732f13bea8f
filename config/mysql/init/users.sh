#!/bin/sh
# Makes the two users of the application, when the database server starts on an empty volume.
#
# The application reads and writes rows. It may neither drop nor empty a table (TRUNCATE needs DROP,
# and passes the triggers that keep entries and the audit trail from being changed) nor alter one:
# that is for the migrations, which run as a user of their own.
set -eu

: "${MYSQL_DATABASE:?}" "${DB_USER:?}" "${DB_PASSWORD:?}" "${MIGRATION_USER:?}" "${MIGRATION_PASSWORD:?}"

# A quote or a backslash in a password would end or change the literal.
case "$DB_PASSWORD$MIGRATION_PASSWORD" in *[\'\\]*) echo "Passwords may hold no ' and no \\." >&2; exit 1 ;; esac

MYSQL_PWD=$MYSQL_ROOT_PASSWORD mysql --protocol=socket --user=root <<SQL
CREATE USER '$DB_USER'@'%' IDENTIFIED BY '$DB_PASSWORD';
GRANT SELECT, INSERT, UPDATE, DELETE ON \`$MYSQL_DATABASE\`.* TO '$DB_USER'@'%';
CREATE USER '$MIGRATION_USER'@'%' IDENTIFIED BY '$MIGRATION_PASSWORD';
GRANT ALL PRIVILEGES ON \`$MYSQL_DATABASE\`.* TO '$MIGRATION_USER'@'%';
SQL
